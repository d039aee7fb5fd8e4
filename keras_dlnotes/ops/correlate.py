"""Cross-correlation and its two adjoints, by each framework's fastest kernels.

y = K ∗ x is linear in x and in K. So the three maps that all convolutions need are

    correlate(x, K)          y
    adjoint_in_inputs(D, K)  the x̄ with ⟨K ∗ x, D⟩ = ⟨x, x̄⟩ for every x
    adjoint_in_kernel(x, D)  the K̄ with ⟨K ∗ x, D⟩ = ⟨K, K̄⟩ for every K

The first two add a bias right after the kernel, where a framework can fuse both.

Matrix work is the frameworks' strength, so each backend's `correlate` calls its own kernels. All
tensors are channels last; kernels are (k, …, channels in / groups, channels out).
"""

from keras import ops

from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.exporting import is_exporting
from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window, *bias):
    """y(i) = Σ_u x(i·s + u·d − p) K(u) + b, summed over the input channels of a group."""
    window = window.resolved(ops.shape(inputs))
    (inputs,), count, _ = _without_empty_batch(inputs)
    outputs = current.module("correlate").correlate(inputs, kernel, window)
    return _first(count, add_bias(outputs, *bias))


def adjoint_in_inputs(upstream, kernel, window: Window, shape, *bias):
    """x̄(j) = Σ over all i, u with i·s + u·d − p = j of D(i) K(u)ᵀ + b; `shape` is that of x̄."""
    window = window.resolved(shape)
    (upstream,), count, filled = _without_empty_batch(upstream)
    shape = tuple(shape) if filled is None else (filled, *shape[1:])
    found = current.module("correlate").adjoint_in_inputs(upstream, kernel, window, shape)
    return _first(count, add_bias(found, *bias))


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    """K̄(u) = Σ_i x(i·s + u·d − p)ᵀ D(i)."""
    window = window.resolved(ops.shape(inputs))
    (inputs, upstream), *_ = _without_empty_batch(inputs, upstream)
    kernels = current.module("correlate")
    return kernels.adjoint_in_kernel(inputs, upstream, window, tuple(kernel_shape))


def add_bias(outputs, *bias):
    """S + b, where there is a bias."""
    return ops.add(outputs, bias[0]) if bias else outputs


def _without_empty_batch(*tensors):
    """(tensors, size before, size after), with an image of zeros in a batch that may be empty.

    Both sizes are None where the batch stays as it is, because it is not empty, or the framework's
    kernels can take it.
    """
    may_be_empty = tensors[0].shape[0] in (None, 0)
    if not may_be_empty or not current.framework().fails_on_empty_batches or is_exporting():
        return tensors, None, None
    return current.module("empty_batches").fill_empty_batch(*tensors)


def _first(count, tensor):
    return tensor if count is None else tensor[:count]
