"""The latent space of an autoencoder: where examples lie, and what it decodes to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, integer, same_length, texts
from keras_dlnotes.reports.arrays import as_array, as_classes, as_images, finite
from keras_dlnotes.reports.plots.theme import (
    MUTED,
    WIDTH,
    draw_legend,
    draw_title,
    legend_label,
    new_figure,
    own_style,
    style_axes,
)
from keras_dlnotes.reports.plots.tiles import tile_figure

# Colours in Okabe and Ito's manner that stand out from light and dark paper alike. Where there are
# more classes than colours, the others take other marks.
CLASS_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#8a63d2")
MARKS = ("o", "^", "s", "D")
LARGEST_GRID = 1024


@own_style()
def plot_latent_map(
    codes: ArrayLike,
    labels: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    limit: int = 2000,
) -> Figure:
    """Plots examples in the latent space, each class in its colour and mark.

    Codes of more than two dimensions are shown on their two principal axes, along which they vary
    most; the labels of the axes say how much of the variance that is.

    Args:
        codes: Shape (examples, latent dimensions ≥ 2).
        labels: Class numbers, shape (examples,), integers in [0, classes); None for none.
        class_names: A name for each class; by default the numbers.
        limit: How many examples to show at most, spread evenly.

    Returns:
        A figure with one panel.

    Raises:
        ValueError: If a shape is wrong, the lengths differ, or a number has no class name.

    Reference:
        Lecture notes, "Representation by Autoencoders".

    >>> figure = plot_latent_map([[0, 1], [2, 3]], [0, 1], ["cat", "dog"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['cat', 'dog']
    """
    codes = as_array("codes", codes, ["(examples, latent dimensions)"])
    if codes.shape[1] < 2:
        expected = "codes of at least two latent dimensions"
        raise argument_error("codes", expected, codes.shape, part="codes.shape")
    finite("codes", codes)
    integer("limit", limit, 1)
    names = None if class_names is None else texts("class_names", class_names)
    numbers = None
    if labels is not None:
        numbers = as_classes("labels", labels, names)
        same_length(codes=codes, labels=numbers)
    points, axis_names = _plane(codes)
    step = -(-len(points) // limit)
    points = points[::step]
    figure = new_figure(WIDTH, 4.6)
    axes = figure.subplots()
    style_axes(axes)
    style: dict[str, Any] = {"s": 14, "alpha": 0.75, "linewidths": 0}
    if numbers is None:
        axes.scatter(*points.T, color=CLASS_COLOURS[0], **style)
    else:
        numbers = numbers[::step]
        for number in np.unique(numbers):
            colour = CLASS_COLOURS[number % len(CLASS_COLOURS)]
            mark = MARKS[number // len(CLASS_COLOURS) % len(MARKS)]
            chosen = points[numbers == number]
            name = f"{number}" if names is None else names[number]
            axes.scatter(*chosen.T, color=colour, marker=mark, label=legend_label(name), **style)
        draw_legend(figure, 6, markerscale=1.8, handletextpad=0.2, columnspacing=1)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    return figure


def _plane(codes: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if codes.shape[1] == 2:
        return codes, ["latent dimension 1", "latent dimension 2"]
    centred = codes - codes.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    shares = np.zeros(2)
    shares[: len(sizes)] = (sizes**2 / max((sizes**2).sum(), np.finfo(float).tiny))[:2]
    plane = centred @ directions[:2].T
    if plane.shape[1] < 2:  # a single example spans no plane
        plane = np.pad(plane, ((0, 0), (0, 1)))
    names = [f"principal axis {n} ({share:.0%} of variance)" for n, share in enumerate(shares, 1)]
    return plane, names


def latent_grid(first: ArrayLike, second: ArrayLike, third: ArrayLike, size: int = 8) -> np.ndarray:
    """Returns the codes of a grid between three corners of the latent space, ready to be decoded.

    code(i, j) = first + i/(size−1)·(third − first) + j/(size−1)·(second − first)

    Args:
        first: The code at the upper left, of shape (latent dimensions,).
        second: The code at the upper right.
        third: The code at the lower left.
        size: How many rows and columns, from 2 to 1024.

    Returns:
        Codes of shape (size², latent dimensions), row by row.

    Raises:
        ValueError: If a shape is wrong or the size is out of range.

    >>> latent_grid([0, 0], [1, 0], [0, 1], size=2).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    corners = {
        name: as_array(name, code, ["(latent dimensions,)"])
        for name, code in (("first", first), ("second", second), ("third", third))
    }
    for name, code in corners.items():
        finite(name, code)
    same_length(**corners)
    integer("size", size, 2, LARGEST_GRID)
    start, right, down = corners.values()
    steps = np.linspace(0, 1, size)
    grid = start + steps[:, None, None] * (down - start) + steps[None, :, None] * (right - start)
    return grid.reshape(size * size, -1)


@own_style()
def plot_latent_grid(images: ArrayLike, columns: int | None = None) -> Figure:
    """Plots the images that a grid of codes decodes to, which shows what lies between examples.

    Args:
        images: Shape (count, height, width) or (count, height, width, 1 or 3), as a decoder returns
            them for the codes of `latent_grid`.
        columns: How many in a row; by default as many as there are rows.

    Returns:
        A figure of tiles.

    Raises:
        ValueError: If the rank is wrong, or the images do not fill their rows.

    Reference:
        Lecture notes, "Representation by Autoencoders".

    >>> figure = plot_latent_grid(np.zeros((4, 3, 3)))
    >>> len(figure.axes[0].images)
    4
    """
    pictures = as_images("images", images)
    if columns is None:
        columns = round(len(pictures) ** 0.5)
    if len(pictures) % integer("columns", columns, 1):
        expected = f"a number of columns that {len(pictures)} images fill"
        raise argument_error("columns", expected, columns)
    figure, axes = tile_figure(pictures, columns)
    draw_title(axes, f"{len(pictures) // columns} × {columns} codes, decoded", fontsize=10)
    axes.title.set_color(MUTED)
    return figure
