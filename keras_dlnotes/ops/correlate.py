"""Cross-correlation and its two adjoints, by each framework's own fastest kernels.

y = K ∗ x is linear in x and in K. So the three maps that all convolutions need are

    correlate(x, K)          y
    adjoint_in_inputs(D, K)  the x̄ with ⟨K ∗ x, D⟩ = ⟨x, x̄⟩ for every x
    adjoint_in_kernel(x, D)  the K̄ with ⟨K ∗ x, D⟩ = ⟨K, K̄⟩ for every K

The first two add a bias, right behind the kernel, where a framework can join both.

Matrix work is the frameworks' strength: beside `vjp`, only the `correlate` of each backend calls
them directly. All tensors are channels last; kernels are
(k, …, channels in / groups, channels out).
"""

import keras
from keras import ops

from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.exporting import is_exporting
from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window, *bias):
    """y(i) = Σ_u x(i·s + u·d − p) K(u) + b, summed over the input channels of a group."""
    window = window.resolved(ops.shape(inputs))
    (inputs,), count, _ = _filled(inputs)
    return _cut(add_bias(_kernels().correlate(inputs, kernel, window), *bias), count)


def adjoint_in_inputs(upstream, kernel, window: Window, shape, *bias):
    """x̄(j) = Σ over all i, u with i·s + u·d − p = j of D(i) K(u)ᵀ + b; `shape` is that of x̄."""
    window = window.resolved(shape)
    (upstream,), count, filled = _filled(upstream)
    shape = tuple(shape) if filled is None else (filled, *shape[1:])
    found = _kernels().adjoint_in_inputs(upstream, kernel, window, shape)
    return _cut(add_bias(found, *bias), count)


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    """K̄(u) = Σ_i x(i·s + u·d − p)ᵀ D(i)."""
    window = window.resolved(ops.shape(inputs))
    (inputs, upstream), *_ = _filled(inputs, upstream)
    return _kernels().adjoint_in_kernel(inputs, upstream, window, tuple(kernel_shape))


def add_bias(outputs, *bias):
    """S + b, where there is a bias."""
    return ops.add(outputs, bias[0]) if bias else outputs


def _filled(*tensors):
    """The tensors, an image of zeros in the place of none, where the framework needs one.

    And how many images there were and are; None where that is right anyhow.
    """
    some = tensors[0].shape[0] not in (None, 0)
    if some or keras.backend.backend() != "tensorflow" or is_exporting():
        return tensors, None, None
    return current.module("empty_batches").fill_empty_batch(*tensors)


def _cut(tensor, count):
    return tensor if count is None else tensor[:count]


def _kernels():
    return current.module("correlate")
