"""Convolution, which in a neural network is cross-correlation: the kernel is never flipped.

    S(i, j) = Σ_m Σ_n I(i·s + m·d − p, j·s + n·d − p) K(m, n),  summed over the input channels

It is linear in the image and in the kernel, so each gradient is the adjoint map of the other's:
with the upstream gradient D = ∂E/∂S,

    ∂E/∂I(a, b) = Σ over all i·s + m·d − p = a, j·s + n·d − p = b of  D(i, j) K(m, n)ᵀ
    ∂E/∂K(m, n) = Σ_i Σ_j  I(i·s + m·d − p, j·s + n·d − p)ᵀ D(i, j)

The bias belongs to the op, so that a framework can fuse its addition with the convolution.
"""

from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.ops import dtypes, windows
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.conv_arguments import (
    biases,
    check_padded,
    conv_window,
    operands,
)
from keras_dlnotes.ops.correlate import add_bias, adjoint_in_inputs, adjoint_in_kernel, correlate
from keras_dlnotes.ops.exporting import is_leaving_tensorflow
from keras_dlnotes.ops.padding_modes import check_padding_mode, padded_by_mode
from keras_dlnotes.ops.vjp import Op
from keras_dlnotes.ops.window_checks import ensure_fits
from keras_dlnotes.ops.windows import Window


def conv(
    inputs,
    kernel,
    bias=None,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    *,
    padding_mode="zeros",
):
    """Returns the cross-correlation of the inputs with the kernel, plus bias.

    S(i, j) = Σ_m Σ_n I(i·s + m·d − p, j·s + n·d − p) K(m, n) + b

    Args:
        inputs: tensor (batch, lengths…, channels) of 1 to 3 spatial axes, or channels first.
        kernel: tensor (k, …, channels in / groups, channels out); the groups follow from its shape.
        bias: None or a tensor (channels out,).
        strides: int s ≥ 1, or one for each axis.
        padding: "valid", "same", "causal" (1-D), int p ≥ 0, (p, …) or ((before, after), …).
        data_format: "channels_last", "channels_first" or None, Keras's default.
        dilation_rate: spacing d ≥ 1 of the kernel's elements, or one for each axis.
        padding_mode: what the padding holds: "zeros", "reflect" (the image, mirrored at the pixels
            of its edge), "replicate" (these pixels), or "circular" (the image's other end).

    Returns:
        Tensor of the inputs' layout, ⌊(m + 2p − k)/s⌋ + 1 long along each axis, in floating point:
        integers and booleans are converted to the kernel's type.

    Raises:
        ValueError: for an argument out of range, complex numbers, a kernel longer than the padded
            input, padding that needs more pixels than the image has, channels that the kernel's do
            not divide, or a bias of the wrong shape.

    Reference:
        Lecture notes, "The New Type of NN: Cross-correlation", "Stride", "Padding".

    Example:

    >>> import numpy as np
    >>> sobel = np.array([[-1., 0, 1], [-2, 0, 2], [-1, 0, 1]]).reshape(3, 3, 1, 1)
    >>> step = np.repeat([[0., 0, 1, 1]], 4, axis=0).reshape(1, 4, 4, 1)
    >>> ops.convert_to_numpy(conv(step, sobel))[0, :, :, 0].tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    data_format = windows.standardize_data_format(data_format)
    names = "channels in / groups, channels out"
    inputs, kernel, size = operands(inputs, kernel, data_format, names)
    if data_format == "channels_first":
        inputs = ops.moveaxis(inputs, 1, -1)
    window = conv_window(size, strides, padding, dilation_rate, len(size), "kernel")
    padding_mode = check_padding_mode(padding_mode, window)
    _check_groups(inputs, kernel)
    bias = biases(bias, kernel.shape[-1], inputs.dtype)
    inputs = ensure_fits(inputs, window, "kernel")
    check_padded(tuple(inputs.shape), window)
    if padding_mode != "zeros":
        inputs, window = padded_by_mode(inputs, window, padding_mode)
    outputs = _conv(inputs, kernel, *bias, window=window)
    return ops.moveaxis(outputs, -1, 1) if data_format == "channels_first" else outputs


def _check_groups(inputs, kernel):
    channels = inputs.shape[-1]
    narrow, out = kernel.shape[-2:]
    if channels % narrow or out % (channels // narrow):
        raise argument_error(
            "kernel",
            f"(…, channels in / groups, channels out) for {channels} channels in",
            tuple(kernel.shape),
        )


def conv_forward(inputs, kernel, *bias, window: Window):
    """S = K ∗ I + b."""
    return correlate(inputs, kernel, window, *bias), ()


def conv_backward(upstream, inputs, residuals, *, window: Window):
    """∂E/∂I and ∂E/∂K, the two adjoints of the correlation, applied to D; ∂E/∂b = Σ D."""
    image, kernel, *bias = inputs
    return (
        adjoint_in_inputs(upstream, kernel, window, ops.shape(image)),
        adjoint_in_kernel(image, upstream, window, kernel.shape),
        *bias_gradient(upstream, *bias),
    )


def bias_gradient(upstream, *bias) -> list:
    """∂E/∂b = Σ D over all positions and examples, as a list, empty without a bias."""
    if not bias:
        return []
    rows = ops.reshape(upstream, (-1, upstream.shape[-1]))
    rows = ops.cast(rows, dtypes.wide(upstream.dtype))
    # as a matrix product, which takes half the time of a sum
    found = ops.matmul(ops.ones((1, ops.shape(rows)[0]), rows.dtype), rows)[0]
    return [ops.cast(found, upstream.dtype)]


def conv_exported(inputs, kernel, *bias, window: Window):
    """S by Keras's convolution for "same", a word that file formats know, for any length."""
    grouped = inputs.shape[-1] != kernel.shape[-2]
    dilated = max(window.dilation) > 1
    by_word = not grouped and not (dilated and max(window.strides) > 1)
    if window.padding == "same" and by_word and not (dilated and len(window.size) == 3):
        settings = window.strides, window.padding, "channels_last", window.dilation
        return add_bias(ops.conv(inputs, kernel, *settings), *bias)
    if is_leaving_tensorflow():
        return add_bias(current.module("exported").correlate(inputs, kernel, window), *bias)
    return correlate(inputs, kernel, window, *bias)


_conv = Op(
    conv_forward,
    conv_backward,
    compiled=False,
    exported=conv_exported,
    own_kernel=lambda *tensors, **settings: conv_forward(*tensors, **settings)[0],
)
