"""The maximum over each position of a long window, and its adjoint, composed of doublings.

The maximum of 2L neighbours is the greater of two maxima of L. So a window of k takes log₂ k
comparisons, not k; where k is no power of two, the last two overlap:

    M₁ = x,   M₂ₗ(i) = max(Mₗ(i), Mₗ(i + L)),   y(i) = max(M_P(i), M_P(i + k − P)),  P ≤ k < 2P

Backwards, a maximum hands its gradient to the one of the two that won, down to x: all windows that
share a maximum share its place.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras import ops

from keras_dlnotes.ops.padding import crop, pad
from keras_dlnotes.ops.shapes import along, part_along
from keras_dlnotes.ops.window_slices import dilate
from keras_dlnotes.ops.windows import Window


def window_maxima(inputs, window: Window, fill):
    """Returns max_u x(i·s + u − p) for all i, of a window along one axis.

    `fill` is the padding's value, which never wins. NaN always wins, the last one first.
    """
    (maxima,), _ = _compare(inputs, window, fill)
    return _every(maxima, window)


def window_maxima_adjoint(upstream, inputs, window: Window, fill):
    """Returns, for each x, Σ D(i) over the windows i whose maximum it is, the first on ties."""
    shape = ops.shape(inputs)
    (axis,), (pair,) = window.axes, window.resolved(shape).pads
    _, comparisons = _compare(inputs, window, fill)
    gradient = dilate(upstream, window.strides, window.axes)
    count = shape[axis] + pair[0] + pair[1] - window.size[0] + 1
    gradient = pad(gradient, ((0, count - ops.shape(gradient)[axis]),), (axis,))
    for wins, distance in reversed(comparisons):
        nothing = ops.zeros_like(gradient)
        left, right = ops.where(wins, nothing, gradient), ops.where(wins, gradient, nothing)
        gradient = pad(left, ((0, distance),), (axis,)) + pad(right, ((distance, 0),), (axis,))
    return crop(gradient, (pair,), (axis,), shape)


def maxima_with_positions(values, positions, window: Window):
    """Returns the maxima and their positions, of which −1, the padding's, never wins."""
    pads = window.resolved(ops.shape(values)).pads
    positions = ops.broadcast_to(positions, ops.shape(values))
    pair = pad(values, pads, window.axes), pad(positions, pads, window.axes, -1)

    def wins(left, right, _):
        (value, position), (other, other_position) = left, right
        return first_loses(value, other, position < 0) & (other_position >= 0)

    found, _ = _double(pair, wins, window)
    return tuple(_every(tensor, window) for tensor in found)


def first_loses(first, second, is_outside):
    """Tells where the second value wins: it is greater or NaN, or the first lies in the padding."""
    return (second > first) | (second != second) | is_outside


def _compare(inputs, window: Window, fill) -> tuple[Sequence[Any], list[tuple[Any, int]]]:
    """The maxima at stride 1 in a sequence of one, and all comparisons behind them."""
    ((before, _),) = pads = window.resolved(ops.shape(inputs)).pads
    (axis,) = window.axes

    def wins(left, right, span):
        number = ops.arange(ops.shape(left[0])[axis], dtype="int32")
        is_outside = along(axis, len(inputs.shape), number + span <= before)
        return first_loses(left[0], right[0], is_outside)

    return _double((pad(inputs, pads, window.axes, fill),), wins, window)


def _double(tensors: Sequence[Any], wins: Callable, window: Window):
    """The tensors' entries that win among every k neighbours, and (who wins, distance) each time.

    `wins(left, right, span)` compares two sequences of tensors, each with the winners among as many
    neighbours as the span says.
    """
    (axis,), comparisons = window.axes, []
    for span, distance in _steps(window.size[0]):
        count = ops.shape(tensors[0])[axis] - distance
        left, right = (
            [part_along(tensor, axis, slice(start, start + count)) for tensor in tensors]
            for start in (0, distance)
        )
        right_wins = wins(left, right, span)
        pairs = zip(left, right, strict=True)
        tensors = [ops.where(right_wins, other, entry) for entry, other in pairs]
        comparisons.append((right_wins, distance))
    return tensors, comparisons


def _steps(k: int) -> Iterator[tuple[int, int]]:
    """(span, distance) of the two that are compared, until they cover k neighbours."""
    span = 1
    while 2 * span <= k:
        yield span, span
        span *= 2
    if span < k:
        yield span, k - span


def _every(tensor, window: Window):
    """Every s-th entry along the window's axis."""
    (axis,), (s,) = window.axes, window.strides
    return tensor if s == 1 else part_along(tensor, axis, slice(None, None, s))
