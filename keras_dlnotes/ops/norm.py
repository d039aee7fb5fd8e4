"""Batch normalization: each feature to mean 0 and deviation 1, then scale and shift.

    z' = (x − μ_b)/√(σ_b² + ε),   y = γ·z' + β;   μ_b, σ_b² over all axes but the feature's

Both statistics depend on every x of their feature. With the upstream gradient D = ∂E/∂y and n
positions, what comes back through them turns into two means taken off D:

    ∂E/∂β = Σ D        ∂E/∂γ = Σ D·z'
    ∂E/∂x = γ/√(σ_b² + ε) · (D − (1/n) Σ D − z'·(1/n) Σ D·z')
"""

import keras
from keras import ops

from keras_dlnotes.checks import argument_error, is_integer
from keras_dlnotes.ops.vjp import imported_late, with_vjp
from keras_dlnotes.ops.windows import maximum

# Rows added up by hand, pairwise, before the backend's own sum: left alone with the sum of a
# computed value, TensorFlow's XLA on a CPU writes all the values to memory first.
_ROWS_TOGETHER = 16
_ROWS_SAMPLED = 64


def batch_normalize(inputs, gamma=None, beta=None, axis=-1, epsilon=1e-3, mask=None):
    """Returns the inputs normalized by their own statistics, and these.

    y = γ·(x − μ_b)/√(σ_b² + ε) + β, where μ_b and σ_b² are the mean and the variance of each
    feature over all other axes. Statistics are taken in float32 for half precision, and relative
    to a point near the mean, so that a mean far from 0 costs no digits.

    Args:
        inputs: floating-point tensor of rank ≥ 2.
        gamma: scale γ, a tensor (features,), or None for 1.
        beta: shift β, a tensor (features,), or None for 0.
        axis: the feature axis; may count from the end.
        epsilon: ε ≥ 0, added to the variance.
        mask: None, or a tensor of the inputs' shape without its last axis, or broadcastable to it:
            positions where it is False do not count for the statistics; they are normalized, too.

    Returns:
        (outputs, mean, variance): a tensor of the inputs' shape and type, and two tensors
        (features,). The statistics are biased (divided by n) and carry no gradient, as in Keras.

    Raises:
        ValueError: for an axis that the inputs lack, a negative ε or a mask of another rank.

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
    inputs = ops.convert_to_tensor(inputs)
    rank = len(inputs.shape)
    if rank < 2:
        raise argument_error("inputs", "of rank ≥ 2", tuple(inputs.shape))
    if not is_integer(axis) or not -rank <= axis < rank:
        raise argument_error("axis", f"an integer in [-{rank}, {rank})", axis)
    if epsilon < 0:
        raise argument_error("epsilon", "a number ≥ 0", epsilon)
    axis %= rank
    dtype = keras.backend.result_type(inputs.dtype, "float32")
    features = ops.shape(inputs)[axis]
    gamma = ops.ones((features,), dtype) if gamma is None else ops.cast(gamma, dtype)
    beta = ops.zeros((features,), dtype) if beta is None else ops.cast(beta, dtype)
    counted = [] if mask is None else [_weights(mask, inputs, axis, dtype)]
    return _batch_normalize(inputs, gamma, beta, *counted, axis=axis, epsilon=float(epsilon))


def _weights(mask, inputs, axis, dtype):
    """1 where a position counts and 0 where not, in a shape that `_rows` can take."""
    mask = ops.convert_to_tensor(mask)
    if len(mask.shape) != len(inputs.shape) - 1:
        raise argument_error(
            "mask", f"of rank {len(inputs.shape) - 1}, one less than the inputs", tuple(mask.shape)
        )
    shape = list(ops.shape(inputs))
    if axis == len(shape) - 1:
        shape[-1] = 1
    weights = ops.cast(ops.cast(mask, "bool"), dtype)
    return ops.broadcast_to(ops.expand_dims(weights, -1), shape)


def batch_normalize_forward(inputs, gamma, beta, *weights, axis, epsilon):
    """y = γ·z' + β. Around a centre c near the mean, μ = c + δ and σ² = (1/n) Σ (x − c)² − δ²."""
    x, weights = _rows(inputs, axis, gamma.dtype), [_rows(w, axis, gamma.dtype) for w in weights]
    n = _count(x, *weights)
    centre = ops.stop_gradient(_centre(x, n, *weights))

    def around(x, *weights):
        distance = _counted(x - centre, *weights)
        return distance, ops.square(distance)

    first, second = _sums(around, x, *weights)
    delta = first / n
    variance = ops.maximum(second / n - ops.square(delta), 0)
    inverse = ops.rsqrt(variance + epsilon)
    y = _unrows((x - centre - delta) * (gamma * inverse) + beta, inputs, axis)
    statistics = ops.stop_gradient(centre + delta), ops.stop_gradient(variance)
    return (y, *statistics), (centre, delta, inverse)


def batch_normalize_backward(upstream, inputs, residuals, *, axis, epsilon):
    """∂E/∂x = γ/√(σ² + ε)·(D − (1/n) Σ D − z'·(1/n) Σ D·z'), and ∂E/∂γ, ∂E/∂β on the way."""
    inputs, gamma, _, *weights = inputs
    centre, delta, inverse = residuals
    x, weights = _rows(inputs, axis, gamma.dtype), [_rows(w, axis, gamma.dtype) for w in weights]
    n = _count(x, *weights)
    upstream = _rows(upstream[0], axis, gamma.dtype)  # nothing comes back through the statistics
    # x − centre is what the forward pass has summed: JAX computes it once for both
    gradient_beta, along = _sums(lambda d, x: (d, d * (x - centre)), upstream, x)
    gradient_gamma = (along - delta * gradient_beta) * inverse
    normalized = (x - centre - delta) * inverse
    shared = (gradient_beta + normalized * gradient_gamma) / n
    gradient = gamma * inverse * (upstream - _counted(shared, *weights))
    gradients = _unrows(gradient, inputs, axis), gradient_gamma, gradient_beta
    return (*gradients, *(None for _ in weights))


_batch_normalize = with_vjp(
    batch_normalize_forward,
    batch_normalize_backward,
    on_torch=imported_late("keras_dlnotes.ops.norm_torch:batch_normalize"),
)


def _rows(tensor, axis, dtype):
    """The tensor as (positions, features)."""
    moved = ops.moveaxis(tensor, axis, -1)
    return ops.cast(ops.reshape(moved, (-1, ops.shape(moved)[-1])), dtype)


def _unrows(rows, like, axis):
    """Rows back in the shape and type of the tensor that they came from."""
    shape = ops.shape(ops.moveaxis(like, axis, -1))
    return ops.cast(ops.moveaxis(ops.reshape(rows, shape), -1, axis), like.dtype)


def _counted(values, *weights):
    """The values, with 0 (whatever stood there) where a mask says that they do not count."""
    return ops.where(weights[0] > 0, values, ops.zeros_like(values)) if weights else values


def _count(rows, *weights):
    """n, and 1 where all is masked: the statistics are then 0, as in Keras."""
    if not weights:
        return ops.cast(ops.shape(rows)[0], rows.dtype)
    return ops.maximum(ops.sum(weights[0], axis=0), 1)


def _centre(x, n, *weights):
    """A point near the mean: the mean itself under a mask, else that of some rows among all.

    Digits are lost only where δ² ≫ σ². The rows are part of the batch, so that where they lie far
    from the rest, they widen σ as well.
    """
    if weights:
        return _sums(lambda *row: (_counted(*row),), x, *weights)[0] / n
    rows, features = ops.shape(x)
    step = maximum(rows // _ROWS_SAMPLED, 1)
    blocks = rows // step
    return ops.mean(ops.reshape(x[: blocks * step], (blocks, step, features))[:, 0], axis=0)


def _sums(terms, *tensors):
    """Σ of each of the terms(row, …) over the rows of the tensors, all in one pass over them."""
    if keras.backend.backend() != "tensorflow":  # the others sum pairwise by themselves
        return [ops.sum(term, axis=0) for term in terms(*tensors)]
    blocks = ops.shape(tensors[0])[0] // _ROWS_TOGETHER
    whole = blocks * _ROWS_TOGETHER

    def row(tensor, number):
        block = (blocks, _ROWS_TOGETHER, ops.shape(tensor)[1])
        return ops.reshape(tensor[:whole], block)[:, number]

    def added(parts):
        # side by side, so that XLA reads the rows once for all terms
        return ops.stack(parts, axis=1)

    sums = [added(terms(*(row(t, number) for t in tensors))) for number in range(_ROWS_TOGETHER)]
    while len(sums) > 1:
        sums = [left + right for left, right in zip(sums[::2], sums[1::2], strict=True)]
    rest = terms(*(tensor[whole:] for tensor in tensors))
    total = ops.sum(sums[0], axis=0) + ops.sum(added(rest), axis=0)
    return ops.unstack(total, num=len(rest))
