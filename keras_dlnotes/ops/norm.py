"""Batch normalization: each feature to mean 0 and deviation 1, then scale and shift.

    z' = (x − μ_b)/√(σ_b² + ε),   y = γ·z' + β;   μ_b, σ_b² over all axes but the feature's

Both statistics depend on every x of their feature. With the upstream gradient D = ∂E/∂y and n
positions, the gradient through them amounts to two means subtracted from D:

    ∂E/∂β = Σ D        ∂E/∂γ = Σ D·z'
    ∂E/∂x = γ/√(σ_b² + ε) · (D − (1/n) Σ D − z'·(1/n) Σ D·z')
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from keras import ops

from keras_dlnotes.common.checks import argument_error, is_integer, number, shape
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.compilation import is_compilation_enabled
from keras_dlnotes.ops.dtypes import float_type, real, summable, wide
from keras_dlnotes.ops.norm_passes import batch_normalize_backward, batch_normalize_forward
from keras_dlnotes.ops.vjp import Op

# Compiled by XLA, a normalization takes half the time, and a first call of 0.3 to 0.6 seconds: as
# many as 30 to 100 steps at this size.
_COMPILED_FROM = 2**21
_TYPICAL_BATCH = 32  # where the batch size is open


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
    settings = {"axis": axis, "epsilon": epsilon}
    if _is_compiled(tuple(inputs.shape), axis):
        op, settings["together"] = _compiled, True
    else:
        op = _batch_normalize
    outputs, *statistics = op(inputs, gamma, beta, *counted, **settings)
    return ops.cast(outputs, dtype), *statistics


def batch_normalization_path(lengths: Sequence[int | None], axis: int) -> tuple[str, str]:
    """Returns which computation a tensor of this shape gets, and why."""
    if current.framework().prefers_own_kernels:
        return "the framework's own kernel", (
            "it is the fastest; under a mask, or for ε near 0 or extreme values, the hand-written "
            "gradient"
        )
    if not current.framework().compiles_each_op:
        return "the hand-written gradient", "the framework compiles it with all that is around it"
    if _is_compiled(lengths, axis):
        reason = "the tensor is large, on a GPU, or has its features along an inner axis"
        return "the hand-written gradient, compiled by XLA", reason
    reason = "the tensor is small" if is_compilation_enabled() else "compilation is switched off"
    return "the hand-written gradient in plain operations", reason


def _is_compiled(lengths: Sequence[int | None], axis: int) -> bool:
    """Whether XLA compiles the normalization of a tensor of this shape on its own.

    Without it, an inner axis would have to be moved to the end and back.
    """
    if not (current.framework().compiles_each_op and is_compilation_enabled()):
        return False
    if axis % len(lengths) != len(lengths) - 1 or current.framework().has_gpu():
        return True
    batch, *others = lengths
    known = [_TYPICAL_BATCH if batch is None else batch]
    known += [1 if length is None else length for length in others]
    return math.prod(known) >= _COMPILED_FROM


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


_batch_normalize = Op(
    batch_normalize_forward,
    batch_normalize_backward,
    own_kernel=current.function("norm", "batch_normalize"),
    compiled=False,
)
_compiled = replace(_batch_normalize, compiled=True)
