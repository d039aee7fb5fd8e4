"""Slices of a sliding window, and their adjoint.

An *offset* is one position within the window. `window_slices(inputs)` gives, for each offset, the
slice of the padded input that it sees in all windows at once (im2col, offset by offset); `fold` is
its adjoint (col2im) and adds such slices back up. Pooling is written with these two alone.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_dlnotes.ops.padding import pad
from keras_dlnotes.ops.shapes import maximum, reshape
from keras_dlnotes.ops.windows import Window, num_windows


def window_slices(inputs, window: Window, fill=0) -> list[Any]:
    """Returns, for each offset in row-major order, what it sees in all windows: Πk slices.

    Each slice has the output's shape. `fill` is the value of the padding.
    """
    shape = ops.shape(inputs)
    window = window.resolved(shape)
    counts = num_windows(shape, window)
    padded = pad(inputs, window.pads, window.axes, fill)
    slices = []
    for offsets in itertools.product(*map(range, window.size)):
        index = [slice(None)] * len(inputs.shape)
        for axis, u, n, s, d in zip(
            window.axes, offsets, counts, window.strides, window.dilation, strict=True
        ):
            index[axis] = slice(u * d, u * d + (n - 1) * s + 1, s)
        slices.append(padded[tuple(index)])
    return slices


def fold(combine: Callable, tensors: Sequence[Any], window: Window, shape: Sequence[Any]):
    """Returns the adjoint of `window_slices`: what every window gives back to its positions.

    Position j of an axis (block b, phase a: j = b·s + a) lies in window i = b + δ at the offset
    u = a + before − δ·s, for the few δ with 0 ≤ u < k. So the sum over the windows of a position is
    a sum over δ of whole blocks, and nothing is scattered.

    Args:
        combine: `(offset, *values) -> contribution`, elementwise; `offset` is the number of the
            position within the window, in row-major order, or Πk where it lies outside.
        tensors: tensors of the output's shape, passed to `combine` position by position.
        window: the geometry; its dilation must be 1.
        shape: the input's shape.

    Returns:
        A tensor of the input's shape.
    """
    window = window.resolved(shape)
    blocks = [-(-shape[axis] // s) for axis, s in zip(window.axes, window.strides, strict=True)]
    geometry = zip(window.pads, window.size, window.strides, strict=True)
    shifts = list(itertools.starmap(_block_shifts, geometry))
    counts = num_windows(shape, window)
    # one zero-padded copy, so that each shift by δ is a plain slice of it
    margins = tuple(
        (max(0, -deltas[0]), maximum(block + deltas[-1] - n, 0))
        for deltas, block, n in zip(shifts, blocks, counts, strict=True)
    )
    padded = [pad(tensor, margins, window.axes) for tensor in tensors]
    total = None
    for deltas in itertools.product(*shifts):
        offset = _offset_numbers(deltas, window, len(shape))
        if offset is None:
            continue
        index: list[Any] = []
        for axis in range(len(shape)):
            if axis in window.axes:
                position = window.axes.index(axis)
                start = deltas[position] + margins[position][0]
                index += [slice(start, start + blocks[position]), None]
            else:
                index.append(slice(None))
        seen = [tensor[tuple(index)] for tensor in padded]
        part = _by_phases(combine, offset, seen, window)
        total = part if total is None else total + part
    return _join_blocks(total, blocks, window, shape)


def _by_phases(combine: Callable, offset, tensors: Sequence[Any], window: Window):
    """`combine`, for volumes one phase of the first axis at a time.

    TensorFlow's kernels broadcast along no more than two axes that alternate with others.
    """
    phase, s = window.axes[0] + 1, window.strides[0]
    if len(window.axes) < 3 or s == 1:
        return combine(offset, *tensors)
    earlier = (slice(None),) * phase
    parts = [combine(offset[(*earlier, slice(a, a + 1))], *tensors) for a in range(s)]
    return ops.concatenate(parts, axis=phase)


def _block_shifts(pair, k: int, s: int) -> range:
    """Every δ for which some phase of a block lies in window b + δ."""
    before = pair[0]
    if isinstance(before, int):
        return range(-(-(before - k + 1) // s), (s - 1 + before) // s + 1)
    return range(-((k - 1) // s), (s + k - 2) // s + 1)  # any padding from 0 to k − 1


def _offset_numbers(deltas, window: Window, rank: int):
    """The offset of each phase, to broadcast over the blocks; None where all lie outside."""
    number, inside = 0, True
    for position, (delta, (before, _), k, s) in enumerate(
        zip(deltas, window.pads, window.size, window.strides, strict=True)
    ):
        shape = [1] * (rank + len(window.axes))
        shape[window.axes[position] + position + 1] = s
        u = np.arange(s).reshape(shape) + (before - delta * s)
        number = number * k + u
        inside = inside & (u >= 0) & (u < k)
    if isinstance(inside, np.ndarray):
        if not inside.any():
            return None
        return np.where(inside, number, window.volume).astype(offset_dtype(window))
    return ops.cast(ops.where(inside, number, window.volume), offset_dtype(window))


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


def offset_dtype(window: Window) -> str:
    """Returns the smallest integer type that holds the number of an offset and Πk itself."""
    return "uint8" if window.volume < 256 else "int32"


def dilate(inputs, strides: Sequence[int], axes: Sequence[int]):
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
