"""Cross-correlation and its two adjoints, by each framework's own fastest kernels.

y = K ∗ x is linear in x and in K. So the three maps that all convolutions need are

    correlate(x, K)          y
    adjoint_in_inputs(D, K)  the x̄ with ⟨K ∗ x, D⟩ = ⟨x, x̄⟩ for every x
    adjoint_in_kernel(x, D)  the K̄ with ⟨K ∗ x, D⟩ = ⟨K, K̄⟩ for every K

Matrix work is the frameworks' strength: beside `vjp`, only `correlate_tensorflow`, `correlate_jax`
and `correlate_torch` call them directly. All tensors are channels last; kernels are
(k, …, channels in / groups, channels out).
"""

import importlib

import keras
from keras import ops

from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window):
    """y(i) = Σ_u x(i·s + u·d − p) K(u), summed over the input channels of a group."""
    return _kernels().correlate(inputs, kernel, window.resolved(ops.shape(inputs)))


def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    """x̄(j) = Σ over all i, u with i·s + u·d − p = j of D(i) K(u)ᵀ; `shape` is that of x̄."""
    return _kernels().adjoint_in_inputs(upstream, kernel, window.resolved(shape), tuple(shape))


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    """K̄(u) = Σ_i x(i·s + u·d − p)ᵀ D(i)."""
    resolved = window.resolved(ops.shape(inputs))
    return _kernels().adjoint_in_kernel(inputs, upstream, resolved, tuple(kernel_shape))


def _kernels():
    return importlib.import_module(f"{__name__}_{keras.backend.backend()}")
