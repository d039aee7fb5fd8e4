"""How many multiplications each of Keras's layers makes.

As in the notes, a count holds the products of inputs and weights, and of inputs with each other, at
inference. Bias, additions, comparisons and activation functions are left out, and so is batch
normalization: one fixed scale per channel, which no published count includes.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

Shape = tuple[int, ...]


def channels(layer: Any, shape: Shape) -> int:
    """Returns the number of channels of a tensor in the layer's layout."""
    return shape[1] if layer.data_format == "channels_first" else shape[-1]


def convolution(layer, input_shape, output_shape):
    """D_k²·M·D_p²·N, with M the input channels of one group."""
    inputs = channels(layer, input_shape) // layer.groups
    return prod(layer.kernel_size) * inputs * prod(output_shape)


def transposed_convolution(layer, input_shape, output_shape):
    """Each input by each entry of the kernel's window, for each output channel of its group."""
    filters = layer.filters // getattr(layer, "groups", 1)  # which Keras's own layer lacks
    return prod(input_shape) * prod(layer.kernel_size) * filters


def depthwise_convolution(layer, input_shape, output_shape):
    """M·D_p²·D_k²: each output channel sees one input channel."""
    return prod(layer.kernel_size) * prod(output_shape)


def separable_convolution(layer, input_shape, output_shape):
    """M·D_p²·D_k² + M·D_p²·N."""
    between = channels(layer, input_shape) * layer.depth_multiplier
    places = prod(output_shape) // layer.filters
    return places * between * (prod(layer.kernel_size) + layer.filters)


def spatially_separable_convolution(layer, input_shape, output_shape):
    """A k×1 convolution, after which the rows are still as wide, and then a 1×k convolution."""
    height, width = layer.kernel_size
    first_spatial = 2 if layer.data_format == "channels_first" else 1
    batch, rows = output_shape[0], output_shape[first_spatial]
    columns = input_shape[first_spatial + 1]
    between = batch * rows * columns * layer.filters
    return between * height * channels(layer, input_shape) + (
        prod(output_shape) * width * layer.filters
    )


def dense(layer, input_shape, output_shape):
    """Every input by every unit."""
    return prod(input_shape) * layer.units


def einsum_dense(layer, input_shape, output_shape):
    """One product for each combination of the equation's indices."""
    return einsum(layer.equation, [input_shape, tuple(layer.kernel.shape)])


def einsum(equation: str, shapes: Sequence[Shape]) -> int | None:
    """Returns the products of an einsum: 0 for one operand, None for more than two.

    >>> einsum("btd,du->btu", [(1, 5, 3), (3, 4)])
    60
    """
    if len(shapes) != 2:
        return 0 if len(shapes) == 1 else None
    lengths: dict[str, int] = {}
    for labels, shape in zip(equation.split("->")[0].split(","), shapes, strict=True):
        labels = labels.strip()
        before, _, after = labels.partition("...")
        for label, length in zip(before, shape, strict=False):
            lengths[label] = max(length, lengths.get(label, 1))
        if "..." in labels:
            hidden = shape[len(before) : len(shape) - len(after)]
            for number, length in enumerate(reversed(hidden)):
                lengths[f"...{number}"] = max(length, lengths.get(f"...{number}", 1))
            for label, length in zip(after, shape[len(shape) - len(after) :], strict=True):
                lengths[label] = max(length, lengths.get(label, 1))
    return prod(lengths.values())


def multiply(layer, input_shape, output_shape):
    """One product fewer than there are factors, for each element."""
    return (len(input_shape) - 1) * prod(output_shape)


def dot(layer, input_shape, output_shape):
    """The length of the axis that is summed over, for each output."""
    axis = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
    products = prod(output_shape) * input_shape[0][axis]
    if layer.normalize:  # squares, and the division by the root of their sum
        products += 2 * sum(map(prod, input_shape))
    return products


def normalization_over_features(layer, input_shape, output_shape):
    """The square of the deviation, its division, and the scale, if any."""
    return prod(input_shape) * (3 if getattr(layer, "scale", True) is not False else 2)


def unit_normalization(layer, input_shape, output_shape):
    """The square and the division."""
    return 2 * prod(input_shape)


def scaling(layer, input_shape, output_shape):
    """One product per element."""
    return prod(output_shape)


def resampling(layer, input_shape, output_shape):
    """An output is the weighted mean of 4 neighbours if bilinear, of 16 if bicubic."""
    weights = {"nearest": 0, "bilinear": 4, "bicubic": 16}
    interpolation = getattr(layer, "interpolation", "nearest")
    return weights[interpolation] * prod(output_shape) if interpolation in weights else None


def free(layer, input_shape, output_shape):
    """Sums, comparisons, look-ups, activation functions, and whatever only moves elements: none."""
    return 0
