"""Images with the captions that a network wrote."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import integer, same_length, texts
from keras_dlnotes.reports.arrays import as_images
from keras_dlnotes.reports.plots.theme import own_style
from keras_dlnotes.reports.plots.tiles import tile_figure

LABEL_HEIGHT = 0.3


@own_style()
def plot_captions(
    images: ArrayLike, captions: Sequence[str], limit: int = 24, columns: int = 8
) -> Figure:
    """Plots images, each above its caption.

    Args:
        images: Shape (count, height, width) or (count, height, width, 1 or 3).
        captions: A text for each.
        limit: How many to show at most, the first ones.
        columns: How many in a row.

    Returns:
        A figure of tiles.

    Raises:
        ValueError: If a shape is wrong, the lengths differ, or a number is less than 1.

    Reference:
        Lecture notes, "Types of RNN" (one to many).

    >>> import numpy as np
    >>> figure = plot_captions(np.zeros((2, 3, 3)), ["zero", "one"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['zero', 'one']
    """
    integer("limit", limit, 1)
    integer("columns", columns, 1)
    captions = texts("captions", captions)
    pictures = as_images("images", images)
    same_length(images=pictures, captions=captions)
    pictures, captions = pictures[:limit], captions[:limit]
    columns = min(columns, len(pictures))
    figure, _ = tile_figure(pictures, columns, captions, LABEL_HEIGHT, margin=0.25)
    return figure
