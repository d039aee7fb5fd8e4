"""The pixels that a network found, drawn over the image."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.reports.arrays import as_images, to_array
from keras_dlnotes.reports.plots.theme import draw_legend, own_style
from keras_dlnotes.reports.plots.tiles import tile_figure

# Bright, because they lie on photographs, not on the page's paper.
HIT, MISSED, WRONG = "#4db5f5", "#f5a623", "#e0479e"
OPACITY = 0.55
LABEL_HEIGHT = 0.16


@own_style()
def plot_overlays(
    images: ArrayLike, truth: ArrayLike, found: ArrayLike, limit: int = 8, columns: int = 4
) -> Figure:
    """Plots images with the pixels coloured that were found, missed or wrongly found.

    Below each image is its intersection over union, |truth ∩ found| / |truth ∪ found|.

    Args:
        images: Shape (count, height, width) or (count, height, width, 1 or 3).
        truth: Which pixels belong to the object, booleans of shape (count, height, width).
        found: The pixels predicted, like `truth`.
        limit: How many images to show at most, the first ones.
        columns: How many in a row.

    Returns:
        A figure of tiles.

    Raises:
        ValueError: If a shape is wrong or the shapes differ.

    Reference:
        Lecture notes, "CNN Models: U-Net (Skip Connection)".

    >>> truth = np.array([[[True, True], [False, False]]])
    >>> figure = plot_overlays(np.zeros((1, 2, 2)), truth, np.zeros_like(truth))
    >>> figure.axes[0].texts[0].get_text()
    'IoU 0.00'
    """
    integer("limit", limit, 1)
    integer("columns", columns, 1)
    pictures = as_images("images", images)
    masks = {name: to_array(name, mask) for name, mask in (("truth", truth), ("found", found))}
    for name, mask in masks.items():
        if mask.shape != pictures.shape[:3] or mask.dtype != bool:
            expected = f"booleans of shape {pictures.shape[:3]}"
            raise argument_error(
                name, expected, (mask.shape, mask.dtype.name), part="(shape, dtype)"
            )
    truth, found = (mask[:limit] for mask in masks.values())
    overlays = _overlays(pictures[:limit], truth, found)
    columns = min(columns, len(overlays))
    labels = [f"IoU {_overlap(*pair):.2f}" for pair in zip(truth, found, strict=True)]
    size = {"largest": 2.4, "margin": 0.5, "least_width": 3.6}
    figure, _ = tile_figure(overlays, columns, labels, LABEL_HEIGHT, **size)
    patches = [
        Patch(color=colour, label=label)
        for colour, label in ((HIT, "found"), (MISSED, "missed"), (WRONG, "wrongly found"))
    ]
    draw_legend(figure, 3, handles=patches)
    return figure


def _overlays(pictures: np.ndarray, truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    if pictures.ndim == 3:
        pictures = np.repeat(pictures[..., np.newaxis], 3, axis=-1)
    overlays = pictures.copy()
    for colour, pixels in (
        (HIT, truth & found),
        (MISSED, truth & ~found),
        (WRONG, found & ~truth),
    ):
        overlays[pixels] = (1 - OPACITY) * pictures[pixels] + OPACITY * np.array(to_rgb(colour))
    return overlays


def _overlap(truth: np.ndarray, found: np.ndarray) -> float:
    union = np.count_nonzero(truth | found)
    return np.count_nonzero(truth & found) / union if union else 1.0
