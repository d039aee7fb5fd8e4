"""The sum over each place of a window, and its adjoint; both are added up pairwise.

A window of few taps is the sum of its taps. A long one is put together of sums of 1, 2, 4, …
neighbours, each the sum of two of half the length: log₂ k additions rather than k, and an error
that grows by the number of digits of k, not by k.
"""

from keras import ops

from keras_dlnotes.ops.borders import pad, pad_or_crop
from keras_dlnotes.ops.dtypes import wide
from keras_dlnotes.ops.taps import insert_zeros, spread, tap_count, taps
from keras_dlnotes.ops.windows import Window

# a window of more taps than this slides along one axis after the other: Σk slices, not Πk
MOST_TAPS_AT_ONCE = 25


def window_sums(inputs, window: Window):
    """Returns Σ_u x(i·s + u − p) for every place i, in the type that sums are taken in.

    Args:
        inputs: tensor.
        window: the geometry; it is long along one axis alone.
    """
    inputs = ops.cast(inputs, wide(inputs.dtype))
    if not _is_long(window):
        return sum(taps(inputs, window))
    (axis,), (k,), (s,) = window.axes, window.size, window.strides
    padded = pad(inputs, window.resolved(ops.shape(inputs)).padding, window.axes)
    sums = _sums_of_neighbours(padded, k, axis)
    return sums if s == 1 else sums[(*(slice(None),) * axis, slice(None, None, s))]


def window_sums_adjoint(upstream, window: Window, shape):
    """Returns Σ of D(i) over the windows i that contain x, for inputs of this shape."""
    upstream = ops.cast(upstream, wide(upstream.dtype))
    if not _is_long(window):

        def share(tap, part):
            return ops.where(tap < tap_count(window), part, ops.zeros_like(part))

        return spread(share, (upstream,), window, shape)
    (axis,), (k,) = window.axes, window.size
    apart = insert_zeros(upstream, window.strides, window.axes)
    covered = _sums_of_neighbours(pad(apart, ((k - 1, k - 1),), window.axes), k, axis)
    ((before, _),) = window.resolved(shape).padding
    after = shape[axis] + before - ops.shape(covered)[axis]
    return pad_or_crop(covered, ((-before, after),), window.axes)


def _is_long(window: Window) -> bool:
    return len(window.axes) == 1 and tap_count(window) > MOST_TAPS_AT_ONCE


def _sums_of_neighbours(tensor, k: int, axis: int):
    """Returns the sum of every k neighbours along the axis, put together of powers of two."""

    def part(tensor, start, length):
        return tensor[(*(slice(None),) * axis, slice(start, start + length))]

    length = ops.shape(tensor)[axis]
    places, total, offset, span = length - k + 1, None, 0, 1
    while True:
        if k & span:
            of_span = part(tensor, offset, places)
            total = of_span if total is None else total + of_span
            offset += span
        if 2 * span > k:
            return total
        length = length - span
        tensor = part(tensor, 0, length) + part(tensor, span, length)
        span *= 2
