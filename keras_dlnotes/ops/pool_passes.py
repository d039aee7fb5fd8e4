"""The passes of pooling: the maximum or the mean of a sliding window, there and back.

Max pooling hands the upstream gradient D of each window to the one position that held its maximum,

    ∂E/∂x_i = Σ over the windows w that contain i of  D_w · [x_i won w],

and average pooling hands an equal share of it to every position of the window.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.borders import is_zero
from keras_dlnotes.ops.dtypes import wide
from keras_dlnotes.ops.taps import spread, tap_count, tap_dtype, taps
from keras_dlnotes.ops.window_sums import window_sums, window_sums_adjoint
from keras_dlnotes.ops.windows import Window


def max_pool_forward(inputs, *, window: Window):
    """y = the window's maximum; the winner's tap number is all that the backward pass needs."""
    maximum, *others = taps(inputs, window, fill=_lowest(inputs.dtype))
    winner = ops.broadcast_to(_first_inside(inputs, window), ops.shape(maximum))
    for number, tap in enumerate(others, start=1):
        wins = ops.logical_or(tap > maximum, tap != tap)  # the first of equals stays; NaN wins
        maximum = ops.where(wins, tap, maximum)
        winner = ops.where(wins, ops.cast(number, winner.dtype), winner)
    return maximum, (winner,)


def max_pool_backward(upstream, inputs, residuals, *, window: Window):
    """∂E/∂x = D where x won, 0 elsewhere, summed over the windows that overlap."""

    def share(tap, winner, upstream):
        return ops.where(winner == tap, upstream, ops.zeros_like(upstream))

    (winner,) = residuals
    upstream = ops.cast(upstream, wide(upstream.dtype))
    gradient = spread(share, (winner, upstream), window, ops.shape(inputs[0]))
    return (ops.cast(gradient, inputs[0].dtype),)


def max_pool_indices_forward(inputs, *, slides: tuple[Window, ...]):
    """The flat position of each window's maximum; a position in the padding, −1, never wins."""
    values, positions = inputs, _flat_positions(inputs, slides)
    for window in slides:
        pairs = zip(
            # no −∞: what ONNX files have for `where` would make NaN of it
            taps(values, window, fill=0),
            taps(positions, window, fill=-1),
            strict=True,
        )
        values, positions = next(pairs)
        positions = ops.broadcast_to(positions, ops.shape(values))
        for value, position in pairs:
            wins = (value > values) | (value != value) | (positions < 0)
            wins = wins & (position >= 0)
            values = ops.where(wins, value, values)
            positions = ops.where(wins, position, positions)
    return positions, ()


def max_pool_indices_backward(upstream, inputs, residuals, *, slides):
    """Positions are whole numbers: nothing comes back through them."""
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
    """What padding holds so that it never wins: −∞, or the least integer."""
    dtype = keras.backend.standardize_dtype(dtype)
    return np.iinfo(dtype).min if "int" in dtype else -math.inf


def _first_inside(inputs, window: Window):
    """For each window the number of its first tap that is no padding, which −∞ would else win."""
    shape = ops.shape(inputs)
    window = window.resolved(shape)
    number = ops.zeros((1,) * len(shape), "int32")
    if is_zero(window.padding):
        return ops.cast(number, tap_dtype(window))
    for axis, n, (before, _), k, s in zip(
        window.axes,
        windows.places(shape, window),
        window.padding,
        window.size,
        window.strides,
        strict=True,
    ):
        first = ops.maximum(before - ops.arange(n, dtype="int32") * s, 0)
        number = number * k + ops.reshape(
            first, [-1 if a == axis else 1 for a in range(len(shape))]
        )
    return ops.cast(number, tap_dtype(window))


def _flat_positions(inputs, slides: tuple[Window, ...]):
    """(1, height, width, 1), or channels first: row·width + column, in int32."""
    shape = ops.shape(inputs)
    positions = ops.zeros((1,) * len(shape), "int32")
    for axis in sorted(axis for window in slides for axis in window.axes):
        along = [-1 if a == axis else 1 for a in range(len(shape))]
        count = ops.reshape(ops.arange(shape[axis], dtype="int32"), along)
        positions = positions * shape[axis] + count
    return positions


def window_counts(inputs, window: Window, count_include_pad: bool, dtype):
    """The n that each window divides by: Πk, or the positions of it that are no padding."""
    shape = ops.shape(inputs)
    window = window.resolved(shape)
    if count_include_pad or is_zero(window.padding):
        return tap_count(window)
    total = 1
    for axis, n, (before, _), k, s in zip(
        window.axes,
        windows.places(shape, window),
        window.padding,
        window.size,
        window.strides,
        strict=True,
    ):
        start = ops.arange(n, dtype="int32") * s - before
        inside = ops.minimum(start + k, shape[axis]) - ops.maximum(start, 0)
        total = total * ops.reshape(inside, [-1 if a == axis else 1 for a in range(len(shape))])
    return ops.cast(total, dtype)
