"""Images above their transformed versions."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import integer, mapping, same_length, text
from keras_dlnotes.reports.arrays import as_images
from keras_dlnotes.reports.plots.theme import WIDTH, draw_title, new_figure, own_style
from keras_dlnotes.reports.plots.tiles import GAP, GREY, draw_tiles, tiles_height

TITLE_HEIGHT = 0.35  # inches


@own_style()
def plot_image_rows(rows: Mapping[str, ArrayLike], limit: int = 10) -> Figure:
    """Plots rows of images, so that those in one column are seen to belong together.

    Args:
        rows: By title, from top to bottom, arrays of shape (count, height, width) or (count,
            height, width, 1 or 3), all of one count.
        limit: How many columns to show at most, the first ones.

    Returns:
        A figure with a titled row of tiles for each entry.

    Raises:
        ValueError: If there is no row, a rank is wrong, or the counts differ.

    Reference:
        Lecture notes, "Autoencoders" and "Denoising Autoencoder".

    >>> import numpy as np
    >>> image = np.eye(3)[None]
    >>> figure = plot_image_rows({"noisy": image / 2, "restored": image})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['noisy', 'restored']
    """
    mapping("rows", rows, "from titles to images")
    integer("limit", limit, 1)
    for title in rows:
        text("rows", title, empty=True)
    pictures = {title: as_images(f"rows[{title!r}]", images) for title, images in rows.items()}
    same_length(**{f"rows[{title!r}]": images for title, images in pictures.items()})
    columns = min(limit, len(next(iter(pictures.values()))))
    tile = min(WIDTH / (columns * (1 + GAP)), 1.2)
    heights = [
        tile * tiles_height(columns, columns, images.shape[1:]) + TITLE_HEIGHT
        for images in pictures.values()
    ]
    figure = new_figure(WIDTH, sum(heights))
    every_axes = figure.subplots(len(heights), height_ratios=heights, squeeze=False)[:, 0]
    for axes, (title, images) in zip(every_axes, pictures.items(), strict=True):
        draw_tiles(axes, images[:columns], columns, **GREY)
        draw_title(axes, title, fontsize=10)
    return figure
