"""Batch normalization: each feature to mean 0 and deviation 1, then scale and shift.

    z' = (x − μ_b)/√(σ_b² + ε),   y = γ·z' + β;   μ_b, σ_b² over all axes but the feature's

Both statistics depend on every x of their feature. With the upstream gradient D = ∂E/∂y and n
positions, the gradient through them amounts to two means subtracted from D:

    ∂E/∂β = Σ D        ∂E/∂γ = Σ D·z'
    ∂E/∂x = γ/√(σ_b² + ε) · (D − (1/n) Σ D − z'·(1/n) Σ D·z')
"""

import math

import keras
from keras import ops

from keras_dlnotes.common.checks import argument_error, is_integer, number, shape
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.dtypes import LARGE, float_type, real, summable, wide
from keras_dlnotes.ops.shapes import maximum, reshape
from keras_dlnotes.ops.vjp import Op

# Rows added pairwise before the backend's own sum, for which TensorFlow's XLA on a CPU would write
# all the values to memory first.
_ROWS_TOGETHER = 16
_ROWS_SAMPLED = 64
_SMALLER = 2.0**-24  # so that a sum of float32 values near the largest stays finite


def batch_normalize(inputs, gamma=None, beta=None, axis=-1, epsilon=1e-3, mask=None):
    """Returns the inputs normalized by their own statistics, and these statistics.

    y = γ·(x − μ_b)/√(σ_b² + ε) + β, where μ_b and σ_b² are the mean and the variance of each
    feature over all other axes. Statistics are computed in float32 for half precision, and relative
    to a point near the mean, so that a mean far from 0 costs no digits.

    Args:
        inputs: tensor of rank ≥ 2.
        gamma: scale γ, a tensor (features,), or None for 1.
        beta: shift β, a tensor (features,), or None for 0.
        axis: the feature axis; may count from the end.
        epsilon: ε ≥ 0, added to the variance.
        mask: None, or a tensor that broadcasts to the inputs' shape without its last axis:
            positions where it is False are normalized, but do not count for the statistics.

    Returns:
        (outputs, mean, variance): a tensor of the inputs' shape and type, Keras's `floatx` for
        integers, and two tensors (features,), 0 where nothing counts. The statistics are biased
        (divided by n) and carry no gradient, as in Keras. A variance beyond the range of its type
        is infinite; the outputs are still correct.

    Raises:
        ValueError: for an argument out of range or of the wrong shape.

    Reference:
        Lecture notes, "Batch Normalization".

    Example:

    >>> import numpy as np
    >>> z = np.array([[1., 10.], [3., 30.]])
    >>> y, mean, variance = batch_normalize(z, epsilon=0.0)
    >>> ops.convert_to_numpy(y).round(6).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    >>> ops.convert_to_numpy(mean).tolist(), ops.convert_to_numpy(variance).tolist()
    ([2.0, 20.0], [1.0, 100.0])
    """
    inputs = real("inputs", inputs)
    rank = len(inputs.shape)
    if rank < 2:
        raise argument_error("inputs", "of rank ≥ 2", tuple(inputs.shape))
    if not is_integer(axis) or not -rank <= axis < rank:
        raise argument_error("axis", f"an integer in [-{rank}, {rank})", axis)
    axis %= rank
    epsilon = number("epsilon", epsilon, minimum=0)
    dtype = float_type(inputs.dtype)
    inputs = summable("inputs", inputs)
    gamma = _feature_vector("gamma", gamma, inputs, axis, ops.ones)
    beta = _feature_vector("beta", beta, inputs, axis, ops.zeros)
    counted = [] if mask is None else [_weights(mask, inputs, axis, gamma.dtype)]
    outputs, *statistics = _batch_normalize(
        inputs, gamma, beta, *counted, axis=axis, epsilon=epsilon
    )
    return ops.cast(outputs, dtype), *statistics


def _feature_vector(name, value, inputs, axis, default):
    """A scale or a shift, one number per feature, in the type that sums are taken in."""
    dtype = wide(inputs.dtype)
    if value is None:
        return default((ops.shape(inputs)[axis],), dtype)
    value = real(name, value)
    shape(name, value, (inputs.shape[axis],))
    return ops.cast(value, dtype)


def _weights(mask, inputs, axis, dtype):
    """1 where a position counts and 0 elsewhere, in a shape that `_rows` accepts."""
    mask = real("mask", mask)
    expected = tuple(inputs.shape[:-1])
    if len(mask.shape) != len(expected) or any(
        found not in (None, 1, length) and length is not None
        for found, length in zip(mask.shape, expected, strict=True)
    ):
        raise argument_error(
            "mask", f"of shape {expected}, or with 1 in place of a length", tuple(mask.shape)
        )
    lengths = list(ops.shape(inputs))
    if axis == len(lengths) - 1:
        lengths[-1] = 1
    weights = ops.cast(ops.cast(mask, "bool"), dtype)
    return ops.broadcast_to(ops.expand_dims(weights, -1), lengths)


def batch_normalize_forward(inputs, gamma, beta, *weights, axis, epsilon):
    """y = γ·z' + β. Around a centre c near the mean, μ = c + δ and σ² = (1/n) Σ (x − c)² − δ².

    They are computed for a·x, with a power of two a that keeps the squares in range.
    """
    x, weights = _rows(inputs, axis, gamma.dtype), [_rows(w, axis, gamma.dtype) for w in weights]
    n = _count(x, *weights)
    centre, scale = map(ops.stop_gradient, _centre(x, n, epsilon, *weights))

    def around(x, *weights):
        distance = _masked(x * scale - centre, *weights)
        return distance, ops.square(distance)

    first, second = _sums(around, x, *weights)
    delta = first / n
    variance = ops.maximum(second / n - ops.square(delta), 0)
    inverse = ops.rsqrt(variance + _scaled(epsilon, scale))
    y = _unrows((x * scale - centre - delta) * (gamma * inverse) + beta, inputs, axis)
    statistics = (centre + delta) / scale, variance / scale / scale
    return (y, *map(ops.stop_gradient, statistics)), (centre, scale, delta, inverse)


def batch_normalize_backward(upstream, inputs, residuals, *, axis, epsilon):
    """∂E/∂x = γ/√(σ² + ε)·(D − (1/n) Σ D − z'·(1/n) Σ D·z'), with ∂E/∂γ and ∂E/∂β in it."""
    inputs, gamma, _, *weights = inputs
    centre, scale, delta, inverse = residuals
    x, weights = _rows(inputs, axis, gamma.dtype), [_rows(w, axis, gamma.dtype) for w in weights]
    n = _count(x, *weights)
    upstream = _rows(upstream[0], axis, gamma.dtype)  # nothing comes back through the statistics
    # a·x − c is what the forward pass has summed: JAX computes it once for both
    gradient_beta, along = _sums(lambda d, x: (d, d * (x * scale - centre)), upstream, x)
    gradient_gamma = (along - delta * gradient_beta) * inverse
    normalized = (x * scale - centre - delta) * inverse
    shared = (gradient_beta + normalized * gradient_gamma) / n
    gradient = gamma * inverse * scale * (upstream - _masked(shared, *weights))
    gradients = _unrows(gradient, inputs, axis), gradient_gamma, gradient_beta
    return (*gradients, *(None for _ in weights))


_batch_normalize = Op(
    batch_normalize_forward,
    batch_normalize_backward,
    own_kernel=current.function("norm", "batch_normalize"),
)


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


def _centre(x, n, epsilon, *weights):
    """A point c near the mean of a·x, and the power of two a.

    The point is the mean itself under a mask, else that of a sample of the rows. Digits are lost
    only where δ² ≫ σ². The sample is part of the batch, so where it lies far from the rest, it
    widens σ as well.
    """
    if weights:
        sums = _sums(lambda *row: (_masked(row[0] * _SMALLER, *row[1:]),), x, *weights)[0]
        centre = sums / n / _SMALLER
        scale = _scale(_masked(x, *weights), _masked(x - centre, *weights), epsilon)
        return centre * scale, scale
    rows, features = ops.shape(x)
    step = maximum(rows // _ROWS_SAMPLED, 1)
    blocks = rows // step
    sample = ops.reshape(x[: blocks * step], (blocks, step, features))[:, 0]
    centre = ops.sum(sample * _SMALLER, axis=0)
    centre = centre / ops.cast(maximum(blocks, 1), x.dtype) / _SMALLER
    scale = _scale(sample, sample - centre, epsilon)
    return centre * scale, scale


def _scale(values, distances, epsilon):
    """1, or the power of two that keeps squares of large distances, and of small ones if ε = 0, in
    range.

    Large values are recognized without a centre, since they differ by no less than their last
    digit; so the maximum does not have to wait for one.
    """
    largest = ops.max(ops.abs(values), axis=0, initial=0)
    reach, one = _reach(values.dtype), ops.ones_like(largest)
    scale = ops.where(largest > LARGE**reach, one * 2.0 ** (-80 * reach), one)
    if epsilon < 2.0**-60:
        farthest = ops.max(ops.abs(distances), axis=0, initial=0)
        small = (farthest < 2.0 ** (-40 * reach)) & (farthest > 0)
        scale = ops.where(small, one * 2.0 ** (60 * reach), scale)
    return scale


def _scaled(epsilon, scale):
    """ε in the scale of the variance, above what a processor flushes to 0."""
    least = 2.0 ** (-120 * _reach(scale.dtype))
    return ops.maximum(epsilon * scale * scale, least) if epsilon else 0.0


def _reach(dtype) -> int:
    """The exponent range of the type, in multiples of that of float32."""
    return 8 if keras.backend.standardize_dtype(dtype) == "float64" else 1


def _sums(terms, *tensors):
    """Σ of each of the terms(row, …) over the rows of the tensors, in a single pass."""
    if current.framework().sums_pairwise:
        return [ops.sum(term, axis=0) for term in terms(*tensors)]
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
