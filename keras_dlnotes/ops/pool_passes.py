"""Forward and backward passes of pooling: the maximum or the mean of a sliding window.

Max pooling gives the upstream gradient D of each window to the one position that held its maximum,

    ∂E/∂x_i = Σ over the windows w that contain i of  D_w · [x_i won w],

and average pooling gives an equal share of it to every position of the window.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.dtypes import wide
from keras_dlnotes.ops.padding import is_zero
from keras_dlnotes.ops.shapes import along
from keras_dlnotes.ops.window_maxima import (
    first_loses,
    maxima_with_positions,
    window_maxima,
    window_maxima_adjoint,
)
from keras_dlnotes.ops.window_slices import fold, offset_dtype, window_slices
from keras_dlnotes.ops.window_sums import is_long, window_sums, window_sums_adjoint
from keras_dlnotes.ops.windows import Window


def max_pool_forward(inputs, *, window: Window):
    """y = the window's maximum; the backward pass needs only the winner's offset in the window."""
    if is_long(window):
        return window_maxima(inputs, window, _lowest(inputs.dtype)), ()
    maximum, *others = window_slices(inputs, window, fill=_lowest(inputs.dtype))
    winner = ops.broadcast_to(_first_inside(inputs, window), ops.shape(maximum))
    for offset, values in enumerate(others, start=1):
        wins = ops.logical_or(values > maximum, values != values)  # NaN wins, on ties the first
        maximum = ops.where(wins, values, maximum)
        winner = ops.where(wins, ops.cast(offset, winner.dtype), winner)
    return maximum, (winner,)


def max_pool_backward(upstream, inputs, residuals, *, window: Window):
    """∂E/∂x = D where x won, 0 elsewhere, summed over the windows that overlap."""

    def share(offset, winner, upstream):
        return ops.where(winner == offset, upstream, ops.zeros_like(upstream))

    (inputs,) = inputs
    upstream = ops.cast(upstream, wide(upstream.dtype))
    if is_long(window):
        gradient = window_maxima_adjoint(upstream, inputs, window, _lowest(inputs.dtype))
    else:
        gradient = fold(share, (*residuals, upstream), window, ops.shape(inputs))
    return (ops.cast(gradient, inputs.dtype),)


def max_pool_indices_forward(inputs, *, slides: tuple[Window, ...]):
    """The flat position of each window's maximum; a position in the padding, −1, never wins."""
    values, positions = inputs, _flat_positions(inputs, slides)
    for window in slides:
        if is_long(window):
            values, positions = maxima_with_positions(values, positions, window)
            continue
        pairs = zip(
            # not −∞, of which ONNX's counterpart of `where` would make NaN
            window_slices(values, window, fill=0),
            window_slices(positions, window, fill=-1),
            strict=True,
        )
        values, positions = next(pairs)
        positions = ops.broadcast_to(positions, ops.shape(values))
        for value, position in pairs:
            wins = first_loses(values, value, positions < 0) & (position >= 0)
            values = ops.where(wins, value, values)
            positions = ops.where(wins, position, positions)
    return positions, ()


def max_pool_indices_backward(upstream, inputs, residuals, *, slides):
    """None: positions are whole numbers."""
    return (None,)


def average_pool_forward(inputs, *, window: Window, count_include_pad: bool, dtype: str):
    """y = (the sum over the window) / n, of this type."""
    sums = window_sums(inputs, window)
    return ops.cast(sums / window_counts(inputs, window, count_include_pad, sums.dtype), dtype), ()


def average_pool_backward(
    upstream, inputs, residuals, *, window: Window, count_include_pad: bool, dtype: str
):
    """∂E/∂x = Σ over the windows that contain x of D/n."""
    (inputs,) = inputs
    upstream = ops.cast(upstream, wide(dtype))
    part = upstream / window_counts(inputs, window, count_include_pad, upstream.dtype)
    gradient = window_sums_adjoint(part, window, ops.shape(inputs))
    return (ops.cast(gradient, inputs.dtype),)


def _lowest(dtype):
    """The value of padding that never wins: −∞, or the least integer."""
    dtype = keras.backend.standardize_dtype(dtype)
    return np.iinfo(dtype).min if "int" in dtype else -math.inf


def _first_inside(inputs, window: Window):
    """For each window, its first offset outside the padding, which −∞ would otherwise win."""
    shape = ops.shape(inputs)
    window = window.resolved(shape)
    number = ops.zeros((1,) * len(shape), "int32")
    if is_zero(window.pads):
        return ops.cast(number, offset_dtype(window))
    for axis, n, (before, _), k, s in zip(
        window.axes,
        windows.num_windows(shape, window),
        window.pads,
        window.size,
        window.strides,
        strict=True,
    ):
        first = ops.maximum(before - ops.arange(n, dtype="int32") * s, 0)
        number = number * k + along(axis, len(shape), first)
    return ops.cast(number, offset_dtype(window))


def _flat_positions(inputs, slides: tuple[Window, ...]):
    """(1, height, width, 1), or channels first: row·width + column, in int32."""
    shape = ops.shape(inputs)
    positions = ops.zeros((1,) * len(shape), "int32")
    for axis in sorted(axis for window in slides for axis in window.axes):
        count = ops.arange(shape[axis], dtype="int32")
        positions = positions * shape[axis] + along(axis, len(shape), count)
    return positions


def window_counts(inputs, window: Window, count_include_pad: bool, dtype):
    """The n that each window divides by: Πk, or how many of its positions lie in the image.

    With `count_include_pad` these may also lie in the padding, but not behind it, where rounding up
    puts a part of the last windows.
    """
    shape = ops.shape(inputs)
    resolved = window.resolved(shape)
    if is_zero(resolved.pads) or (count_include_pad and not window.ceil):
        return window.volume
    no_padding = ((0, 0),) * len(window.axes)
    counted = window._replace(ceil=False).resolved(shape).pads if count_include_pad else no_padding
    total = 1
    for axis, n, (before, _), (first, last), k, s in zip(
        window.axes,
        windows.num_windows(shape, resolved),
        resolved.pads,
        counted,
        window.size,
        window.strides,
        strict=True,
    ):
        start = ops.arange(n, dtype="int32") * s - before
        inside = ops.minimum(start + k, shape[axis] + last) - ops.maximum(start, -first)
        total = total * along(axis, len(shape), inside)
    return ops.cast(total, dtype)
