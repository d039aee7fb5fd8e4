import numpy as np
import pytest

from keras_dlnotes.reports import plot_captions

IMAGES = np.random.default_rng(0).random((5, 8, 8, 1))


def test_each_image_stands_above_its_caption():
    axes = plot_captions(IMAGES, list("abcde"), limit=4, columns=2).axes[0]
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c", "d"]
    for image, text, pixels in zip(axes.images, axes.texts, IMAGES, strict=False):
        left, _, bottom, _ = image.get_extent()
        assert text.get_position()[0] == left and text.get_position()[1] > bottom
        np.testing.assert_array_equal(image.get_array(), pixels[..., 0])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"captions": ["a"]}, "same length"),
        ({"captions": list("abcde"), "limit": 0}, "`limit`"),
        ({"captions": list("abcde"), "columns": 0}, "`columns`"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        plot_captions(IMAGES, **arguments)
