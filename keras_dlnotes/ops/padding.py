"""Adds padding to a tensor or cuts it off, along some axes. Its widths may be tensors."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_dlnotes.ops.shapes import maximum
from keras_dlnotes.ops.window_padding import Pads


def is_zero(pads: Pads) -> bool:
    """Tells whether there is certainly no padding: a width that is a tensor may be anything."""
    return all(isinstance(side, int) and side == 0 for pair in pads for side in pair)


def pad(inputs, pads: Pads, axes: Sequence[int], value=0):
    """Returns the tensor with `value` added (before, after) along the axes."""
    if is_zero(pads):
        return inputs
    widths = [(0, 0)] * len(inputs.shape)
    for axis, pair in zip(axes, pads, strict=True):
        widths[axis] = pair
    return ops.pad(inputs, widths, constant_values=value)


def pad_with_edge(inputs, pads: Pads, axes: Sequence[int]):
    """Returns the tensor with its first and last entries repeated (before, after) on the axes."""
    for axis, (before, after) in zip(axes, pads, strict=True):
        earlier = (slice(None),) * axis
        first, last = inputs[(*earlier, slice(0, 1))], inputs[(*earlier, slice(-1, None))]
        inputs = ops.concatenate([first] * before + [inputs] + [last] * after, axis=axis)
    return inputs


def crop(inputs, pads: Pads, axes: Sequence[int], shape: Sequence[Any]):
    """Undoes `pad`: returns the part of this shape that lies inside the padding."""
    index = [slice(None)] * len(shape)
    for axis, pair in zip(axes, pads, strict=True):
        if not is_zero((pair,)):
            index[axis] = slice(pair[0], pair[0] + shape[axis])
    return inputs[tuple(index)]


def pad_or_crop(inputs, pads: Pads, axes: Sequence[int]):
    """Like `pad` with zeros, but a negative width is cut off."""
    cut = tuple((maximum(-before, 0), maximum(-after, 0)) for before, after in pads)
    shape = list(ops.shape(inputs))
    for axis, (before, after) in zip(axes, cut, strict=True):
        shape[axis] = shape[axis] - before - after
    grow = tuple((maximum(before, 0), maximum(after, 0)) for before, after in pads)
    return pad(crop(inputs, cut, axes, shape), grow, axes)
