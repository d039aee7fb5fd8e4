"""Where in an image a classifier looks: occlusion, and class activation."""

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_dlnotes.common.graph import graph_inputs
from keras_dlnotes.reports.arrays import argument_error, as_array, as_image, finite
from keras_dlnotes.reports.plots.theme import (
    DIVERGING,
    draw_scale,
    draw_title,
    new_figure,
    own_style,
    symmetric_limit,
)
from keras_dlnotes.reports.plots.tiles import GAP, draw_tiles
from keras_dlnotes.reports.scalars import integer, number, text


def occlusion_map(
    model: keras.Model,
    image: np.ndarray,
    class_index: int,
    patch: int = 8,
    stride: int | None = None,
    fill: float | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """Returns by how much the output for a class falls where a patch of the image is covered.

    map(i, j) = f_c(x) − the mean of f_c(x with a patch covered) over the patches on pixel (i, j)

    Args:
        model: Takes images of shape (height, width, channels) and returns (batch, classes).
        image: One of them.
        class_index: The class c.
        patch: The side of the square patch in pixels, 1 to the shorter side of the image.
        stride: How far apart the patches are, 1 to `patch`; by default half of it.
        fill: What a patch is covered with; by default the mean of the image.
        batch_size: How many covered images the model sees at a time.

    Returns:
        An array of shape (height, width): positive where the image speaks for the class.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    >>> occlusion_map(model, np.eye(4)[..., None], class_index=0, patch=1, fill=0.0)[0].tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    if not isinstance(model, keras.Model):
        raise argument_error("model", "a Keras model", f"model={model!r}")
    picture = as_array("image", image, ["(height, width, channels)"])
    finite("image", picture)
    _check_input(model, picture)
    height, width, _ = picture.shape
    integer("class_index", class_index, 0)
    integer("patch", patch, 1, min(height, width))
    stride = max(patch // 2, 1) if stride is None else integer("stride", stride, 1, patch)
    batch_size = integer("batch_size", batch_size)
    value = picture.mean() if fill is None else number("fill", fill)
    places = [
        (top, left)
        for top in _starts(height, patch, stride)
        for left in _starts(width, patch, stride)
    ]
    covered = np.repeat(picture[None].astype("float32"), 1 + len(places), axis=0)
    for image_number, (top, left) in enumerate(places, start=1):
        covered[image_number, top : top + patch, left : left + patch] = value
    scores = model.predict(covered, batch_size=batch_size, verbose=0)
    if not isinstance(scores, np.ndarray) or scores.ndim != 2:
        shapes = keras.tree.map_structure(lambda score: score.shape, scores)
        raise argument_error("model", "one with an output (batch, classes)", f"{shapes}")
    if class_index >= scores.shape[1]:
        expected = f"one of the classes of an output of shape {scores.shape}"
        raise argument_error("class_index", expected, f"class_index={class_index!r}")
    whole, *rest = scores[:, class_index].astype("float64")
    total, counts = np.zeros((height, width)), np.zeros((height, width))
    for (top, left), score in zip(places, rest, strict=True):
        total[top : top + patch, left : left + patch] += whole - score
        counts[top : top + patch, left : left + patch] += 1
    return total / counts


def _check_input(model: keras.Model, picture: np.ndarray) -> None:
    shapes = [tuple(tensor.shape) for tensor in graph_inputs(model)]
    if not shapes:
        return
    if len(shapes) > 1 or len(shapes[0]) != 4:
        expected = "one that takes images (height, width, channels)"
        raise argument_error("model", expected, f"inputs of shape {shapes}")
    pairs = zip(shapes[0][1:], picture.shape, strict=True)
    if any(taken not in (None, given) for taken, given in pairs):
        raise argument_error("image", f"of shape {shapes[0][1:]}", f"image.shape={picture.shape}")


def _starts(length: int, patch: int, stride: int) -> list[int]:
    """Returns where the patches begin, the last one at the border."""
    return sorted({*range(0, length - patch + 1, stride), length - patch})


def class_activation_map(
    feature_maps: np.ndarray, weights: np.ndarray, class_index: int
) -> np.ndarray:
    """Returns the class-activation map of a network that ends in average pooling and a Dense.

    M_c(i, j) = Σ_k w_kc f_k(i, j), whose mean over the positions is the class's score without bias.

    Args:
        feature_maps: f, what is pooled, shape (height, width, channels) or (1, height, width,
            channels), as `feature_maps` returns them for one image.
        weights: w, the kernel of the Dense, shape (channels, classes).
        class_index: The class c.

    Returns:
        An array of shape (height, width).

    Raises:
        ValueError: If a shape is wrong or there is no such class.

    Reference:
        Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.

    >>> class_activation_map([[[1, 2], [3, 4]]], [[1, 0], [10, 0]], class_index=0).tolist()
    [[21.0, 43.0]]
    """
    shapes = ["(height, width, channels)", "(1, height, width, channels)"]
    maps = as_array("feature_maps", feature_maps, shapes)
    if maps.ndim == 4:
        if len(maps) != 1:
            expected = "the maps of one image"
            raise argument_error("feature_maps", expected, f"feature_maps.shape={maps.shape}")
        maps = maps[0]
    kernel = as_array("weights", weights, ["(channels, classes)"])
    if kernel.shape[0] != maps.shape[-1]:
        expected = f"a row for each of the {maps.shape[-1]} channels"
        raise argument_error("weights", expected, f"weights.shape={kernel.shape}")
    integer("class_index", class_index, 0, kernel.shape[1] - 1)
    return maps @ kernel[:, class_index]


@own_style()
def plot_attention_map(image: np.ndarray, values: np.ndarray, title: str = "") -> Figure:
    """Plots an image, and beside it what speaks for a class (blue) and against it (orange).

    Args:
        image: Shape (height, width) or (height, width, 1 or 3).
        values: The map, shape (height, width); a coarser one is stretched over the image.
        title: What stands above.

    Returns:
        A figure with the image and the image under the map.

    Raises:
        ValueError: If a rank is wrong.

    >>> figure = plot_attention_map(np.eye(4), np.ones((2, 2)))
    >>> len(figure.axes[0].images)
    3
    """
    text("title", title)
    picture = as_image("image", image)
    values = as_array("values", values, ["(height, width)"])
    height = picture.shape[0] / picture.shape[1]
    side = 2.5  # inches
    figure = new_figure(2 * side * (1 + GAP) + 0.9, side * height + 0.45, layout="compressed")
    axes = figure.subplots()
    largest = symmetric_limit(values)
    draw_tiles(axes, [picture, picture], 2, cmap="gray", vmin=0, vmax=1)
    axes.images[1].set_alpha(0.35)
    shown = axes.imshow(
        values,
        extent=(1 + GAP, 2 + GAP, height, 0),
        interpolation="none",
        cmap=DIVERGING,
        vmin=-largest,
        vmax=largest,
    )
    axes.set(xlim=(-0.01, 2 + GAP + 0.01), ylim=(height + 0.01, -0.01))
    ends = [f"−{largest:.2g}", "0", f"{largest:.2g}"]
    draw_scale(axes, [-largest, 0, largest], ends, image=shown)
    if title:
        draw_title(axes, title)
    return figure
