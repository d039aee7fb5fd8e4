"""The sum over each position of a sliding window, and its adjoint; both add pairwise.

A short window is the sum of its slices. A long one is composed of sums of 1, 2, 4, … neighbours,
each the sum of two of half the length: log₂ k additions rather than k, and an error that grows with
the number of digits of k, not with k.
"""

from keras import ops

from keras_dlnotes.ops.dtypes import wide
from keras_dlnotes.ops.padding import pad, pad_or_crop
from keras_dlnotes.ops.shapes import part_along
from keras_dlnotes.ops.window_slices import dilate, fold, window_slices
from keras_dlnotes.ops.windows import Window

# a larger window slides along one axis after the other: Σk slices, not Πk
LARGEST_JOINT_WINDOW = 25


def window_sums(inputs, window: Window):
    """Returns Σ_u x(i·s + u − p) for every position i, in the type that sums are taken in.

    A window larger than `LARGEST_JOINT_WINDOW` must slide along one axis only.
    """
    inputs = ops.cast(inputs, wide(inputs.dtype))
    if not is_long(window):
        return sum(window_slices(inputs, window))
    (axis,), (k,), (s,) = window.axes, window.size, window.strides
    padded = pad(inputs, window.resolved(ops.shape(inputs)).pads, window.axes)
    sums = _sums_of_neighbours(padded, k, axis)
    return sums if s == 1 else sums[(*(slice(None),) * axis, slice(None, None, s))]


def window_sums_adjoint(upstream, window: Window, shape):
    """Returns, for inputs of this shape, Σ D(i) over the windows i that contain each x."""
    upstream = ops.cast(upstream, wide(upstream.dtype))
    if not is_long(window):

        def share(offset, part):
            return ops.where(offset < window.volume, part, ops.zeros_like(part))

        return fold(share, (upstream,), window, shape)
    (axis,), (k,) = window.axes, window.size
    apart = dilate(upstream, window.strides, window.axes)
    covered = _sums_of_neighbours(pad(apart, ((k - 1, k - 1),), window.axes), k, axis)
    ((before, _),) = window.resolved(shape).pads
    after = shape[axis] + before - ops.shape(covered)[axis]
    return pad_or_crop(covered, ((-before, after),), window.axes)


def is_long(window: Window) -> bool:
    """Tells whether a window's sum or maximum is composed of doublings."""
    return len(window.axes) == 1 and window.volume > LARGEST_JOINT_WINDOW


def _sums_of_neighbours(tensor, k: int, axis: int):
    """Returns the sum of every k neighbours along the axis, composed of powers of two."""

    def part(tensor, start, length):
        return part_along(tensor, axis, slice(start, start + length))

    length = ops.shape(tensor)[axis]
    count, total, offset, span = length - k + 1, None, 0, 1
    while True:
        if k & span:
            of_span = part(tensor, offset, count)
            total = of_span if total is None else total + of_span
            offset += span
        if 2 * span > k:
            return total
        length = length - span
        tensor = part(tensor, 0, length) + part(tensor, span, length)
        span *= 2
