"""The kernels of a convolution, and the feature maps that layers compute."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, integer, mapping
from keras_dlnotes.reports.arrays import as_array, as_image
from keras_dlnotes.reports.plots.theme import (
    DIVERGING,
    MUTED,
    WIDTH,
    draw_scale,
    draw_title,
    new_figure,
    own_style,
    symmetric_limit,
)
from keras_dlnotes.reports.plots.tiles import GAP, GREY, draw_tiles, tiles_height


@own_style()
def plot_kernels(kernel: ArrayLike, limit: int = 64) -> Figure:
    """Plots the kernels of a convolution, each as the picture that it correlates the input with.

    A kernel over three input channels is one RGB picture, grey where it is zero. Any other is one
    tile an input channel: blue weights are positive, orange ones negative, blank ones zero, on one
    scale for all.

    Args:
        kernel: Shape (height, width, input channels, output channels).
        limit: How many tiles to show at most.

    Returns:
        A figure of numbered tiles: the output channel, or input → output channel.

    Raises:
        ValueError: If the kernel is not of rank 4 or is empty.

    Reference:
        Lecture notes, "How Convolution Works".

    >>> figure = plot_kernels(np.ones((3, 3, 1, 8)))
    >>> len(figure.axes[0].images)
    8
    """
    kernel = as_array("kernel", kernel, ["(height, width, input channels, output channels)"])
    integer("limit", limit, 1)
    height, width, inputs, outputs = kernel.shape
    largest = symmetric_limit(kernel)
    if inputs == 3:
        tiles = list(np.moveaxis(np.clip(0.5 + kernel / (2 * largest), 0, 1), -1, 0))
        labels = [f"{output}" for output in range(outputs)]
    else:
        pairs = [(i, o) for o in range(outputs) for i in range(inputs)]
        tiles = [kernel[:, :, i, o] for i, o in pairs]
        labels = [f"{o}" if inputs == 1 else f"{i} → {o}" for i, o in pairs]
    total, tiles, labels = len(tiles), tiles[:limit], labels[:limit]

    columns, label_height = min(8, len(tiles)), 0.3
    tile = 0.62  # inches
    figure = new_figure(
        max(columns * tile * (1 + GAP) + 0.9, 3.2),
        tile * tiles_height(len(tiles), columns, (height, width), label_height) + 0.5,
        layout="compressed",
    )
    axes = figure.subplots()
    scale = {"cmap": DIVERGING, "vmin": -largest, "vmax": largest}
    draw_tiles(axes, tiles, columns, labels, label_height, **scale)
    if inputs != 3:
        ends = [f"−{largest:.2g}", "0", f"{largest:.2g}"]
        draw_scale(axes, [-largest, 0, largest], ends, part=min(1, 2 / figure.get_figheight()))
    shown = f"{len(tiles)} of {total:,}" if len(tiles) < total else f"{total}"
    kind = "kernel" if inputs in (1, 3) else "kernel slice"
    plural = "" if total == 1 else "s"
    draw_title(axes, f"{shown} {kind}{plural}, {height} × {width}")
    return figure


@own_style()
def plot_feature_maps(
    image: ArrayLike, feature_maps: Mapping[str, ArrayLike], channels: int = 8
) -> Figure:
    """Plots an image and the feature maps of layers: image → convolution → activation → pooling.

    Each layer is a row and each column a channel. Blue values are positive, orange ones negative;
    every row has its own scale, so that a weak layer is as visible as a strong one.

    Args:
        image: Shape (height, width) or (height, width, 1 or 3).
        feature_maps: By title, in the order to show, arrays of shape (height, width, channels) or,
            as `keras_dlnotes.reports.feature_maps` returns them for one input, (1, height, width,
            channels).
        channels: How many channels of each layer to show at most, the first ones.

    Returns:
        A figure with the image on top and a row for each layer.

    Raises:
        ValueError: If there are no maps, a rank is wrong, or the maps are those of several images.

    Reference:
        Lecture notes, "How Convolution Works" and "Pooling".

    >>> figure = plot_feature_maps(np.eye(4), {"pool": np.ones((2, 2, 3))})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['image, 4 × 4', 'pool, 2 × 2 × 3']
    """
    integer("channels", channels, 1)
    picture, maps = as_image("image", image), _maps(feature_maps)
    channels = min(channels, max(8, *(array.shape[-1] for array in maps.values())))
    tile = WIDTH / (channels * (1 + GAP))
    title_height = 0.35
    heights = [
        tile * array.shape[0] / array.shape[1] + title_height for array in (picture, *maps.values())
    ]
    figure = new_figure(WIDTH, sum(heights))
    top, *rows = figure.subplots(len(heights), height_ratios=heights)
    draw_tiles(top, [picture], channels, **GREY)
    draw_title(top, _with_shape("image", picture), fontsize=10)
    if channels > 1:
        legend = "blue: positive, orange: negative;\neach layer on its own scale"
        top.text(1 + GAP, 0, legend, color=MUTED, fontsize=9, verticalalignment="top")
    for axes, (title, array) in zip(rows, maps.items(), strict=True):
        shown = np.moveaxis(array, -1, 0)[:channels]
        largest = symmetric_limit(shown)
        draw_tiles(axes, shown, channels, cmap=DIVERGING, vmin=-largest, vmax=largest)
        draw_title(axes, _with_shape(title, array), fontsize=10)
    return figure


def _maps(feature_maps: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    mapping("feature_maps", feature_maps, "from titles to arrays")
    maps = {}
    for title, value in feature_maps.items():
        name = f"feature_maps[{title!r}]"
        shapes = ["(height, width, channels)", "(1, height, width, channels)"]
        array = as_array(name, value, shapes)
        if array.ndim == 4:
            if len(array) != 1:
                raise argument_error(
                    name, "the maps of one image", array.shape, part=f"{name}.shape"
                )
            array = array[0]
        maps[title] = array
    return maps


def _with_shape(title: str, array: np.ndarray) -> str:
    return f"{title}, {' × '.join(map(str, array.shape))}"
