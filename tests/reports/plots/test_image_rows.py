import numpy as np
import pytest

from keras_dlnotes.reports import plot_image_rows


def test_each_row_shows_its_images_in_the_order_of_the_columns():
    noisy, clean = np.random.default_rng(0).random((2, 3, 4, 5, 1))
    figure = plot_image_rows({"noisy": noisy, "clean": clean}, limit=2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["noisy", "clean"]
    for axes, images in zip(figure.axes, (noisy, clean), strict=True):
        assert len(axes.images) == 2
        for tile, image in zip(axes.images, images, strict=False):
            np.testing.assert_array_equal(tile.get_array(), image[..., 0])
    lefts = [[tile.get_extent()[0] for tile in axes.images] for axes in figure.axes]
    assert lefts[0] == lefts[1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "`rows` must be a non-empty mapping"),
        ({"a": np.zeros((2, 3, 3)), "b": np.zeros((3, 3, 3))}, "must have the same length"),
        ({"a": np.zeros((3, 3))}, r"`rows\['a'\]` must be"),
    ],
)
def test_rows_that_do_not_fit_are_errors(rows, message):
    with pytest.raises(ValueError, match=message):
        plot_image_rows(rows)


def test_a_limit_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="`limit` must be an integer ≥ 1"):
        plot_image_rows({"a": np.zeros((2, 3, 3))}, limit=0)
