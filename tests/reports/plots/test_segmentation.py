import numpy as np
import pytest
from matplotlib.colors import to_rgb

from keras_dlnotes.reports import plot_overlays
from keras_dlnotes.reports.plots.segmentation import HIT, MISSED, OPACITY, WRONG

IMAGE = np.full((1, 2, 2), 0.5)
TRUTH = np.array([[[True, True], [False, False]]])
FOUND = np.array([[[True, False], [True, False]]])


def test_pixels_are_coloured_by_what_was_found():
    [tile] = plot_overlays(IMAGE, TRUTH, FOUND).axes[0].images
    picture = np.asarray(tile.get_array())
    for place, colour in (((0, 0), HIT), ((0, 1), MISSED), ((1, 0), WRONG)):
        mixed = (1 - OPACITY) * 0.5 + OPACITY * np.array(to_rgb(colour))
        np.testing.assert_allclose(picture[place], mixed)
    np.testing.assert_allclose(picture[1, 1], 0.5)


def test_each_tile_has_its_own_overlap():
    images = np.zeros((3, 2, 2, 3))
    truth = np.concatenate([TRUTH, TRUTH, np.zeros_like(TRUTH)])
    found = np.concatenate([FOUND, TRUTH, np.zeros_like(TRUTH)])
    figure = plot_overlays(images, truth, found)
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert labels == ["IoU 0.33", "IoU 1.00", "IoU 1.00"]
    assert len(plot_overlays(images, truth, found, limit=2).axes[0].images) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["found", "missed", "wrongly found"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGE, TRUTH.astype(int), FOUND), "`truth` must be booleans"),
        ((IMAGE, TRUTH, FOUND[:, :1]), "`found` must be booleans"),
        ((IMAGE, TRUTH[:0], FOUND), "`truth` must be booleans of shape"),
        ((IMAGE, TRUTH, FOUND, 0), "`limit` must be"),
    ],
)
def test_shapes_that_do_not_fit_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_overlays(*arguments)
