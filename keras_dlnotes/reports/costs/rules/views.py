"""The views of layers: what each output sees of the inputs, axis by axis."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_dlnotes.reports.costs.rules.moves import (
    Move,
    Moves,
    Shape,
    Window,
    entries,
    first_shape,
    shapes_of,
    spatial_axes,
)
from keras_dlnotes.reports.costs.rules.progression import Progression


def same_padding(length: int | None, size: int, stride: int) -> int:
    """Returns what "same" pads in front; an unknown length counts as a multiple of the stride."""
    if length is None:
        length = stride
    return max((-(-length // stride) - 1) * stride + size - length, 0) // 2


def _befores(padding: Any, count: int) -> list[int]:
    """Returns what explicit padding adds before each axis."""
    return [entry if isinstance(entry, int) else entry[0] for entry in entries(padding, count)]


def _window(layer: Any, shape: Shape) -> tuple[range, tuple, tuple, tuple]:
    """Returns the axes that a window slides over, and its size, stride and dilation for each."""
    axes = spatial_axes(layer, shape)
    size = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
    settings = size, layer.strides, getattr(layer, "dilation_rate", 1)
    sizes, strides, dilations = (entries(value, len(axes)) for value in settings)
    return axes, sizes, strides, dilations


def sliding(layer, input_shape, output_shape):
    """A window: output o sees the inputs o·s + u·d − p, one for each position u of the kernel."""
    axes, sizes, strides, dilations = _window(layer, input_shape)
    count = len(axes)
    spans = [d * (k - 1) for k, d in zip(sizes, dilations, strict=True)]
    if layer.padding == "valid":
        befores = [0] * count
    elif layer.padding == "causal":
        befores = spans
    elif layer.padding == "same":
        befores = [
            same_padding(input_shape[axis], span + 1, stride)
            for axis, span, stride in zip(axes, spans, strides, strict=True)
        ]
    else:
        befores = _befores(layer.padding, count)
    return Window(sizes, strides, befores, dilations).moves(axes)


def transposed_sliding(layer, input_shape, output_shape):
    """The transpose of a window: output o sees the inputs i with o = i·s + u·d − p for some u."""
    shape = first_shape(input_shape)
    axes, sizes, strides, dilations = _window(layer, shape)
    moves = {}
    for number, (axis, k, s, d) in enumerate(zip(axes, sizes, strides, dilations, strict=True)):
        span = d * (k - 1)
        if layer.padding == "valid":
            before = 0
        elif layer.padding == "same":
            full = span + 1 - s  # how much longer than s times the input it would be
            if shape[axis] is not None and output_shape[axis] is not None:
                full = (shape[axis] - 1) * s + span + 1 - output_shape[axis]
            before = max(full, 0) // 2
        else:
            before = _befores(layer.padding, len(axes))[number]
        places = range(before, before + s)
        first = Progression(tuple(-(-(place - span) // s) for place in places), 1)
        last = Progression(tuple(place // s for place in places), 1)
        moves[axis] = Move(axis, first, last)
    return moves


def up_sampling(layer, input_shape, output_shape):
    """Each output is a copy of one input or, if bilinear, the mean of the two nearest."""
    axes = spatial_axes(layer, input_shape)
    interpolation = getattr(layer, "interpolation", "nearest")
    if interpolation not in ("nearest", "bilinear"):
        return None
    moves = {}
    for axis, s in zip(axes, entries(layer.size, len(axes)), strict=True):
        first = last = Progression((0,) * s, 1)
        if interpolation == "bilinear" and s > 1:
            # the middle of output o lies at (o + ½)/s − ½ of the input
            first = Progression(tuple((2 * o + 1 - s) // (2 * s) for o in range(s)), 1)
            last = Progression(tuple(-(-(2 * o + 1 - s) // (2 * s)) for o in range(s)), 1)
        moves[axis] = Move(axis, first, last)
    return moves


def shifted(offsets: Mapping[int, int]) -> Moves:
    """Returns the moves that add an offset to the positions of some axes."""
    return {
        axis: Move(axis, Progression.linear(1, offset), Progression.linear(1, offset))
        for axis, offset in offsets.items()
    }


def _sides(value: Any, count: int) -> list[int]:
    pairs = [value] if count == 1 and isinstance(value[0], int) else value
    return [before for before, _ in pairs]


def zero_padding(layer, input_shape, output_shape):
    axes = spatial_axes(layer, input_shape)
    sides = _sides(layer.padding, len(axes))
    return shifted({axis: -side for axis, side in zip(axes, sides, strict=True)})


def cropping(layer, input_shape, output_shape):
    axes = spatial_axes(layer, input_shape)
    return shifted(dict(zip(axes, _sides(layer.cropping, len(axes)), strict=True)))


def activation(layer, input_shape, output_shape):
    if layer.activation is keras.activations.softmax:
        return {len(input_shape) - 1: None}
    return {}


def dense(layer, input_shape, output_shape):
    return {len(input_shape) - 1: None}


def along_axes(layer, input_shape, output_shape):
    axes = layer.axis if isinstance(layer.axis, Sequence) else [layer.axis]
    return {axis % len(input_shape): None for axis in axes}


def einsum_dense(layer, input_shape, output_shape):
    labels, result = layer.equation.split(",")[0], layer.equation.split("->")[1]
    moves = {}
    for axis in range(1, len(input_shape)):
        # counted from the end behind an ellipsis, which has a letter's place in front of it
        dots = labels.find("...")
        if dots >= 0 and axis < len(input_shape) - (len(labels) - dots - 3):
            continue
        label = labels[axis - len(input_shape)] if dots >= 0 else labels[axis]
        place = result.find(label)
        if place < 0:
            moves[axis] = None
        else:
            moves[axis] = Move(place - len(result) + len(output_shape) if dots >= 0 else place)
    return moves


def reshape(layer, input_shape, output_shape):
    """Axes before the first that changes stay; the others are mixed."""
    mixed = 1
    for before, after in zip(input_shape[1:], output_shape[1:], strict=False):
        if before is None or before != after:
            break
        mixed += 1
    return {axis: None for axis in range(mixed, len(input_shape)) if input_shape[axis] != 1}


def permute(layer, input_shape, output_shape):
    return {source: Move(target) for target, source in enumerate(layer.dims, start=1)}


def elementwise(operation, input_shape, output_shape):
    """Each output sees its own position; an axis of length 1 is seen from every position."""
    return [
        {
            axis: Move(axis + len(output_shape) - len(shape))
            if shape[axis] == output_shape[axis + len(output_shape) - len(shape)]
            else None
            for axis in range(len(shape))
        }
        for shape in shapes_of(input_shape)
    ]


def concatenate(operation, input_shape, output_shape):
    axis = operation.axis % len(output_shape)
    return {axis: None}
