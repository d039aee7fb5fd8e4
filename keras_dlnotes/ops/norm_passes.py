"""Forward and backward passes of batch normalization; `ops.norm` has the equations.

Everything is computed for a·x around a point c near its mean, so that neither a mean far from 0 nor
values near the ends of the type's range cost digits:

    d = a·x − c,   δ = (1/n) Σ d,   σ² = (1/n) Σ d² − δ²,   z' = (d − δ)/√(σ² + a²ε)
"""

import math

import keras
from keras import ops

from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.dtypes import LARGE
from keras_dlnotes.ops.shapes import maximum, reshape

# Rows added pairwise before the backend's own sum, for which TensorFlow's XLA on a CPU would write
# all the values to memory first.
_ROWS_TOGETHER = 16
_ROWS_SAMPLED = 64


def batch_normalize_forward(inputs, gamma, beta, *weights, axis, epsilon, together=False):
    """y = γ·z' + β, in one pass over d for both sums and one for y.

    `together` says that rows are to be added pairwise before the backend's own sum.
    """
    x, weights = _rows(inputs, axis, gamma.dtype), [_rows(w, axis, gamma.dtype) for w in weights]
    n = _count(x, *weights)
    centre, scale = map(ops.stop_gradient, _centre(x, n, epsilon, together, *weights))

    def moments(x, *weights):
        distance = _masked(x * scale - centre, *weights)
        return distance, ops.square(distance)

    first, second = _sums(moments, together, x, *weights)
    delta = first / n
    variance = ops.maximum(second / n - ops.square(delta), 0)
    inverse = ops.rsqrt(variance + _scaled(epsilon, scale))
    slope = gamma * inverse
    y = _unrows((x * scale - centre) * slope + (beta - delta * slope), inputs, axis)
    statistics = (centre + delta) / scale, variance / scale / scale
    return (y, *map(ops.stop_gradient, statistics)), (centre, scale, delta, inverse)


def batch_normalize_backward(upstream, inputs, residuals, *, axis, epsilon, together=False):
    """∂E/∂x = γ·a/√(σ² + a²ε)·(D − (1/n) Σ D − z'·(1/n) Σ D·z'), with ∂E/∂γ and ∂E/∂β in it."""
    inputs, gamma, _, *weights = inputs
    centre, scale, delta, inverse = residuals
    x, weights = _rows(inputs, axis, gamma.dtype), [_rows(w, axis, gamma.dtype) for w in weights]
    n = _count(x, *weights)
    upstream = _rows(upstream[0], axis, gamma.dtype)  # nothing comes back through the statistics

    def projections(upstream, x):  # of a·x − c, as in the forward pass: a graph computes it once
        return upstream, upstream * (x * scale - centre)

    gradient_beta, along = _sums(projections, together, upstream, x)
    gradient_gamma = (along - delta * gradient_beta) * inverse
    share = gradient_gamma * inverse / n
    shared = (x * scale - centre) * share + (gradient_beta / n - delta * share)
    gradient = (upstream - _masked(shared, *weights)) * (gamma * inverse * scale)
    gradients = _unrows(gradient, inputs, axis), gradient_gamma, gradient_beta
    return (*gradients, *(None for _ in weights))


def _rows(tensor, axis, dtype):
    """The tensor as (positions, features)."""
    moved = ops.moveaxis(tensor, axis, -1)
    *lengths, features = ops.shape(moved)
    return ops.cast(reshape(moved, (math.prod(lengths), features)), dtype)


def _unrows(rows, like, axis):
    """Rows back in the shape and type of the tensor that they came from."""
    lengths = ops.shape(ops.moveaxis(like, axis, -1))
    return ops.cast(ops.moveaxis(reshape(rows, lengths), -1, axis), like.dtype)


def _masked(values, *weights):
    """The values, with 0 where a mask says that they do not count, even for NaN."""
    return ops.where(weights[0] > 0, values, ops.zeros_like(values)) if weights else values


def _count(rows, *weights):
    """n, or 1 where nothing counts: the statistics are then 0, as in Keras."""
    if not weights:
        return ops.cast(maximum(ops.shape(rows)[0], 1), rows.dtype)
    return ops.maximum(ops.sum(weights[0], axis=0), 1)


def _centre(x, n, epsilon, together, *weights):
    """A point c near the mean of a·x, and the power of two a.

    The point is the mean itself under a mask, else that of a sample of the rows. Digits are lost
    only where δ² ≫ σ². The sample is part of the batch, so where it lies far from the rest, it
    widens σ as well.
    """
    if not weights:
        x = _sample(x)
        n = _count(x)
    scale = _scale(ops.max(ops.abs(_masked(x, *weights)), axis=0, initial=0))

    def scaled(x, *weights):
        return (_masked(x * scale, *weights),)

    centre = _sums(scaled, together and weights, x, *weights)[0] / n
    if epsilon < 2.0**-60:
        distance = _masked(x * scale - centre, *weights)
        larger = _magnification(ops.max(ops.abs(distance), axis=0, initial=0))
        centre, scale = centre * larger, scale * larger
    return centre, scale


def _sample(rows):
    """Some 64 rows, or all where there are no more."""
    count, features = ops.shape(rows)
    step = maximum(count // _ROWS_SAMPLED, 1)
    if isinstance(step, int):
        return rows[::step]
    blocks = count // step
    return ops.reshape(rows[: blocks * step], (blocks, step, features))[:, 0]


def _scale(largest):
    """1, or the power of two that keeps the squares of values as large as this in range."""
    reach, one = _reach(largest.dtype), ops.ones_like(largest)
    return ops.where(largest > LARGE**reach, one * 2.0 ** (-80 * reach), one)


def _magnification(farthest):
    """1, or the power of two that keeps the squares of distances as small as this above 0."""
    reach, one = _reach(farthest.dtype), ops.ones_like(farthest)
    small = (farthest < 2.0 ** (-40 * reach)) & (farthest > 0)
    return ops.where(small, one * 2.0 ** (60 * reach), one)


def _scaled(epsilon, scale):
    """ε in the scale of the variance, above what a processor flushes to 0."""
    least = 2.0 ** (-120 * _reach(scale.dtype))
    return ops.maximum(epsilon * scale * scale, least) if epsilon else 0.0


def _reach(dtype) -> int:
    """The exponent range of the type, in multiples of that of float32."""
    return 8 if keras.backend.standardize_dtype(dtype) == "float64" else 1


def _sums(terms, together, *tensors):
    """Σ of each of the terms(row, …) over the rows of the tensors, in a single pass."""
    sum_rows = current.framework().sum_rows
    if not together:
        return [sum_rows(term) for term in terms(*tensors)]
    blocks = ops.shape(tensors[0])[0] // _ROWS_TOGETHER
    whole = blocks * _ROWS_TOGETHER

    def row(tensor, number):
        block = (blocks, _ROWS_TOGETHER, ops.shape(tensor)[1])
        return ops.reshape(tensor[:whole], block)[:, number]

    def added(parts):
        # stacked, so that XLA reads the rows once for all terms
        return ops.stack(parts, axis=1)

    sums = [added(terms(*(row(t, number) for t in tensors))) for number in range(_ROWS_TOGETHER)]
    while len(sums) > 1:
        sums = [left + right for left, right in zip(sums[::2], sums[1::2], strict=True)]
    rest = terms(*(tensor[whole:] for tensor in tensors))
    total = ops.sum(sums[0], axis=0) + ops.sum(added(rest), axis=0)
    return ops.unstack(total, num=len(rest))
