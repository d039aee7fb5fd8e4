"""Rows of small images on one axes, which draws faster than an axes for each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keras_dlnotes.reports.plots.theme import MUTED, RULE, WIDTH, new_figure

GAP = 0.12  # between neighbours, in tile widths
GREY: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 1}  # of images, which lie within [0, 1]


def tile_figure(
    pictures: np.ndarray | Sequence[np.ndarray],
    columns: int,
    labels: Sequence[str] = (),
    label_height: float = 0.0,
    *,
    largest: float = 1.2,
    margin: float = 0.4,
    least_width: float = 2.0,
) -> tuple[Figure, Axes]:
    """Returns a figure of images in rows, and its axes.

    Args:
        pictures: images of one shape.
        columns: how many in a row.
        labels: see `draw_tiles`.
        label_height: see `draw_tiles`.
        largest: width of a tile at most, in inches.
        margin: height of what is not tiles, in inches.
        least_width: width of the figure at least, in inches.
    """
    tile = min(WIDTH / (columns * (1 + GAP)), largest)
    height = tiles_height(len(pictures), columns, pictures[0].shape, label_height)
    width = max(tile * columns * (1 + GAP), least_width)
    figure = new_figure(width, tile * height + margin)
    axes = figure.subplots()
    draw_tiles(axes, pictures, columns, labels, label_height, **GREY)
    return figure, axes


def tiles_height(
    count: int, columns: int, picture_shape: tuple[int, ...], label_height: float = 0.0
) -> float:
    """Returns the height of all rows, in tile widths."""
    height, width = picture_shape[:2]
    rows = -(-count // columns)
    return rows * (height / width + label_height + GAP) - GAP


def draw_tiles(
    axes: Axes,
    pictures: np.ndarray | Sequence[np.ndarray],
    columns: int,
    labels: Sequence[str] = (),
    label_height: float = 0.0,
    **image_options,
) -> None:
    """Draws the pictures row by row, a label of the given height (in tile widths) below each.

    A tile is one unit wide. Further options go to `Axes.imshow`.
    """
    height = pictures[0].shape[0] / pictures[0].shape[1]
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        left, top = column * (1 + GAP), row * (height + label_height + GAP)
        # "none" keeps each number one crisp square in an SVG, at any size.
        axes.imshow(
            picture,
            extent=(left, left + 1, top + height, top),
            interpolation="none",
            **image_options,
        )
        frame = Rectangle((left, top), 1, height, fill=False, edgecolor=RULE, clip_on=False)
        axes.add_patch(frame)
        if labels:
            axes.text(
                left,
                top + height + 0.05,
                labels[number],
                color=MUTED,
                fontsize=9,
                verticalalignment="top",
            )
    axes.set(
        xlim=(-0.01, columns * (1 + GAP) - GAP + 0.01),
        ylim=(tiles_height(len(pictures), columns, pictures[0].shape, label_height) + 0.01, -0.01),
        aspect="equal",
        anchor="NW",
    )
    axes.axis("off")
