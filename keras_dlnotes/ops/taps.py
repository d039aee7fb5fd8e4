"""The taps of a sliding window, and their adjoint.

A *tap* is one place of the window. `taps(inputs)` gives, for each tap, the slice of the padded
input that it sees in all windows at once; `spread` is its adjoint and puts such slices back.
Pooling is written with these two alone.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_dlnotes.ops.borders import pad
from keras_dlnotes.ops.windows import Window, maximum, places


def taps(inputs, window: Window, fill=0) -> list[Any]:
    """Returns, for each tap in row-major order, what it sees in all windows: Πk slices.

    Each slice has the output's shape. `fill` stands in the padding.
    """
    shape = ops.shape(inputs)
    window = window.resolved(shape)
    counts = places(shape, window)
    padded = pad(inputs, window.padding, window.axes, fill)
    slices = []
    for offsets in itertools.product(*map(range, window.size)):
        index = [slice(None)] * len(inputs.shape)
        for axis, u, n, s, d in zip(
            window.axes, offsets, counts, window.strides, window.dilation, strict=True
        ):
            index[axis] = slice(u * d, u * d + (n - 1) * s + 1, s)
        slices.append(padded[tuple(index)])
    return slices


def spread(combine: Callable, tensors: Sequence[Any], window: Window, shape: Sequence[Any]):
    """Returns the adjoint of `taps`: what every window gives back to the positions it saw.

    Position j of an axis (block b, phase a: j = b·s + a) lies in window i = b + δ as its tap
    u = a + before − δ·s, for the few δ with 0 ≤ u < k. So the sum over the windows of a position is
    a sum over δ of whole blocks, and nothing is scattered.

    Args:
        combine: `(tap, *values) -> contribution`, elementwise; `tap` is the number of the position
            in the window, in row-major order, or Πk where it lies outside.
        tensors: tensors with the shape of the output, handed to `combine` position by position.
        window: the geometry; its dilation must be 1.
        shape: the input's shape.

    Returns:
        A tensor of the input's shape.
    """
    window = window.resolved(shape)
    blocks = [-(-shape[axis] // s) for axis, s in zip(window.axes, window.strides, strict=True)]
    offsets = [
        _block_offsets(*axis)
        for axis in zip(window.padding, window.size, window.strides, strict=True)
    ]
    counts = places(shape, window)
    # one zero-padded copy, so that each shift by δ is a plain slice of it
    margins = tuple(
        (max(0, -deltas[0]), maximum(block + deltas[-1] - n, 0))
        for deltas, block, n in zip(offsets, blocks, counts, strict=True)
    )
    padded = [pad(tensor, margins, window.axes) for tensor in tensors]
    total = None
    for deltas in itertools.product(*offsets):
        tap = _tap_numbers(deltas, window, len(shape))
        if tap is None:
            continue
        index: list[Any] = []
        for axis in range(len(shape)):
            if axis in window.axes:
                position = window.axes.index(axis)
                start = deltas[position] + margins[position][0]
                index += [slice(start, start + blocks[position]), None]
            else:
                index.append(slice(None))
        part = combine(tap, *(tensor[tuple(index)] for tensor in padded))
        total = part if total is None else total + part
    return _join_blocks(total, blocks, window, shape)


def _block_offsets(pair, k: int, s: int) -> range:
    """Every δ for which some phase of a block lies in window b + δ."""
    before = pair[0]
    if isinstance(before, int):
        return range(-(-(before - k + 1) // s), (s - 1 + before) // s + 1)
    return range(-((k - 1) // s), (s + k - 2) // s + 1)  # any padding from 0 to k − 1


def _tap_numbers(deltas, window: Window, rank: int):
    """The tap under each phase, shaped to meet (…, blocks, phases, …); None where there is none."""
    number, inside = 0, True
    for position, (delta, (before, _), k, s) in enumerate(
        zip(deltas, window.padding, window.size, window.strides, strict=True)
    ):
        shape = [1] * (rank + len(window.axes))
        shape[window.axes[position] + position + 1] = s
        u = np.arange(s).reshape(shape) + (before - delta * s)
        number = number * k + u
        inside = inside & (u >= 0) & (u < k)
    if isinstance(inside, np.ndarray):
        if not inside.any():
            return None
        return np.where(inside, number, tap_count(window)).astype(tap_dtype(window))
    return ops.cast(ops.where(inside, number, tap_count(window)), tap_dtype(window))


def _join_blocks(tensor, blocks, window: Window, shape):
    """Puts the phases of each block back in line and cuts the last block to the length."""
    lengths = list(shape)
    for axis, block, s in zip(window.axes, blocks, window.strides, strict=True):
        lengths[axis] = block * s
    joined = reshape(tensor, lengths)
    index = [slice(None)] * len(shape)
    for axis, block, s in zip(window.axes, blocks, window.strides, strict=True):
        if not isinstance(shape[axis], int) or block * s != shape[axis]:
            index[axis] = slice(0, shape[axis])
    return joined[tuple(index)]


def tap_count(window: Window) -> int:
    """Returns Πk."""
    return math.prod(window.size)


def tap_dtype(window: Window) -> str:
    """Returns the smallest integer type that holds a tap's number and Πk itself."""
    return "uint8" if tap_count(window) < 256 else "int32"


def insert_zeros(inputs, strides: Sequence[int], axes: Sequence[int]):
    """Returns the tensor with s − 1 zeros between neighbours along each axis: length (n−1)s + 1."""
    for axis, s in zip(axes, strides, strict=True):
        if s == 1:
            continue
        shape = list(ops.shape(inputs))
        apart = ops.expand_dims(inputs, axis + 1)
        widths = [(0, 0)] * len(apart.shape)
        widths[axis + 1] = (0, s - 1)
        n = shape[axis]
        shape[axis] = n * s
        index = [slice(None)] * len(shape)
        index[axis] = slice(0, (n - 1) * s + 1)
        inputs = reshape(ops.pad(apart, widths), shape)[tuple(index)]
    return inputs


def reshape(inputs, shape: Sequence[Any]):
    """`keras.ops.reshape` for shapes with entries that are tensors."""
    unknown = [axis for axis, length in enumerate(shape) if not isinstance(length, int)]
    if any(isinstance(length, int) and length == 0 for length in shape):
        unknown = []  # −1 would be 0 beside a length of 0, whatever it stands for
    known = [-1 if unknown == [axis] else length for axis, length in enumerate(shape)]
    return ops.reshape(inputs, known)
