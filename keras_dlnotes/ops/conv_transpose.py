"""Transposed convolution: the adjoint of a convolution, which turns small images into large ones.

Where the convolution with K gathers S(i) = Σ_u x(i·s + u·d − p) K(u), its adjoint scatters:

    y(j) = Σ over all i, u with i·s + u·d − p = j of  x(i) K(u)ᵀ;   ⟨K ∗ v, x⟩ = ⟨v, y⟩ for every v

so padding *crops* the output, and the two gradients are the other two maps of the convolution:

    ∂E/∂x = K ∗ D        ∂E/∂K(u) = Σ_i D(i·s + u·d − p)ᵀ x(i)
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_dlnotes.common.checks import argument_error, integers
from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.conv import bias_gradient
from keras_dlnotes.ops.conv_arguments import (
    biases,
    check_tensor_size,
    conv_window,
    count,
    operands,
)
from keras_dlnotes.ops.correlate import add_bias, adjoint_in_inputs, adjoint_in_kernel, correlate
from keras_dlnotes.ops.exporting import is_leaving_tensorflow, refuse_onnx_on_jax
from keras_dlnotes.ops.padding import pad_or_crop
from keras_dlnotes.ops.vjp import Op
from keras_dlnotes.ops.window_checks import open_axes
from keras_dlnotes.ops.window_padding import standardize_padding
from keras_dlnotes.ops.windows import Window

_LONG = 1024  # longer than what any padding crops


def conv_transpose(
    inputs,
    kernel,
    bias=None,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
    *,
    groups=1,
):
    """Returns the adjoint of a convolution applied to the inputs, plus bias.

    y(j) = Σ over all i, u with i·s + u·d − p = j of x(i) K(u)ᵀ + b; the output is
    (m−1)s − 2p + d(k−1) + output_padding + 1 long along each axis.

    Args:
        inputs: tensor (batch, lengths…, channels in) of 1 to 3 spatial axes, or channels first.
        kernel: tensor (k, …, channels out / groups, channels in): the kernel of the convolution
            whose adjoint this is, which maps the channels out to the channels in.
        bias: None or a tensor (channels out,).
        strides: int s ≥ 1, or one for each axis.
        padding: "valid" or "same" (Keras's words), int p ≥ 0 (the output is cropped by p on every
            side, as in PyTorch), (p, …) or ((before, after), …).
        output_padding: None, or int in [0, s), or one for each axis: how much longer the output is
            at its end, since a convolution takes s lengths to one m. None means 0, or with "same"
            and "valid" Keras's choice: m·s, and at least m·s.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        dilation_rate: spacing d ≥ 1 of the kernel's elements, or one for each axis.
        groups: int ≥ 1 that divides the channels in; each group gives channels of its own.

    Returns:
        Tensor of the inputs' layout.

    Raises:
        ValueError: for an argument out of range, a kernel with other channels, or a crop that
            leaves nothing.

    Reference:
        Lecture notes, "Upsampling", "Transposed Convolution".

    Example:

    >>> import numpy as np
    >>> x, kernel = np.array([1.0, 10.0]).reshape(1, 2, 1), np.array([1.0, 2, 3]).reshape(3, 1, 1)
    >>> ops.convert_to_numpy(conv_transpose(x, kernel, strides=2))[0, :, 0].tolist()
    [1.0, 2.0, 13.0, 20.0, 30.0]
    """
    data_format = windows.standardize_data_format(data_format)
    names = "channels out / groups, channels in"
    inputs, kernel, size = operands(inputs, kernel, data_format, names)
    if data_format == "channels_first":
        inputs = ops.moveaxis(inputs, 1, -1)
    window = transposed_window(size, strides, padding, dilation_rate, len(size), "kernel")
    output_padding = standardize_output_padding(output_padding, window.strides)
    if inputs.shape[-1] != kernel.shape[-1]:
        expected = f"(…, channels out / groups, channels in) for {inputs.shape[-1]} channels in"
        raise argument_error("kernel", expected, tuple(kernel.shape))
    if kernel.shape[-1] % count("groups", groups):
        raise argument_error("groups", f"a divisor of {kernel.shape[-1]} channels in", groups)
    bias = biases(bias, groups * kernel.shape[-2], inputs.dtype)
    inputs = _ensure_uncropped(inputs, window, output_padding)
    settings = {"window": window, "output_padding": output_padding, "groups": int(groups)}
    outputs = _conv_transpose(inputs, kernel, *bias, **settings)
    return ops.moveaxis(outputs, -1, 1) if data_format == "channels_first" else outputs


def transposed_window(
    kernel_size, strides, padding, dilation_rate, rank: int, name: str = "kernel_size"
) -> Window:
    """Returns the window of the convolution whose adjoint is wanted, its arguments checked."""
    standardize_padding(padding, rank)  # no "causal"
    return conv_window(kernel_size, strides, padding, dilation_rate, rank, name)


def standardize_output_padding(output_padding, strides: Sequence[int]) -> tuple[int, ...] | None:
    """Returns None, or one int in [0, s) for each axis."""
    if output_padding is None:
        return None
    extra = integers("output_padding", output_padding, len(strides))
    if any(more >= s for more, s in zip(extra, strides, strict=True)):
        raise argument_error(
            "output_padding", f"less than strides={tuple(strides)}", output_padding
        )
    return extra


def transposed_shape(
    shape: Sequence[Any], window: Window, output_padding: Sequence[int] | None
) -> tuple[Any, ...]:
    """Returns the shape of the output with the input's channels; lengths may be None or tensors.

    Raises:
        ValueError: where the crop leaves nothing, or where the convolution does not take such an
            output back to the length of the input.
    """
    result = list(shape)
    for number, along in enumerate(windows.one_axis_each(window)):
        axis = along.axes[0]
        m = shape[axis]
        more = None if output_padding is None else output_padding[number]
        if m is None:
            _check_inverse_length(_shortest(along, more), along, more)
            continue
        if isinstance(m, int):
            _check_inverse_length(m, along, more)
        result[axis] = _transposed_length(m, along, more)
    return tuple(result)


def _transposed_length(m, window: Window, more: int | None):
    """(m−1)s − 2p + d(k−1) + 1 + what `output_padding` adds."""
    (k,), (s,), (d,) = window.size, window.strides, window.dilation
    span = d * (k - 1) + 1
    if window.padding == "same":
        return m * s if more is None else (m - 1) * s + span % 2 + more
    if window.padding == "valid":
        return (m - 1) * s + span + (max(s - span, 0) if more is None else more)
    ((before, after),) = window.pads
    return (m - 1) * s - before - after + span + (more or 0)


def _shortest(window: Window, more: int | None) -> int:
    """The smallest m ≥ 1 that is not cropped away."""
    return max(1, -((_transposed_length(0, window, more) - 1) // window.strides[0]))


def _check_inverse_length(m: int, window: Window, more: int | None) -> None:
    (axis,) = window.axes
    if m < 1:
        raise argument_error("inputs", f"at least 1 long along axis {axis}", m)
    length = _transposed_length(m, window, more)
    if length < 1:
        raise argument_error(
            "padding",
            f"less than what crops the whole output, whose length would be {length}",
            window.padding,
        )
    if windows.num_windows([length], window._replace(axes=(0,))) != (m,):
        raise argument_error(
            "output_padding",
            f"such that the convolution takes length {length} back to {m}",
            more,
            "With padding='same' an even kernel needs at least 1.",
        )


def _ensure_uncropped(inputs, window: Window, output_padding):
    """Returns the inputs, or raises where the crop leaves nothing: see `ensure_fits`."""
    shape = transposed_shape(tuple(inputs.shape), window, output_padding)
    large = ("strides", window.strides), ("dilation_rate", window.dilation)
    name, value = max(large, key=lambda entry: max(entry[1]))
    check_tensor_size(name, shape, value)
    for number, along in open_axes(inputs, window):
        (axis,) = along.axes
        least = _shortest(along, None if output_padding is None else output_padding[number])
        length = ops.shape(inputs)[axis]
        sentence = (
            f"Argument `padding` must be less than what crops the whole output along axis {axis}: "
            f"the input must be at least {least} long. Received: padding={window.padding!r} and an "
            "input of length"
        )
        inputs = current.module("assertions").assert_shapes(
            inputs, length >= least, sentence, length, "padding_crops_the_whole_output"
        )
    return inputs


def conv_transpose_forward(inputs, kernel, *bias, window: Window, output_padding, groups: int):
    """y = the x̄ of the convolution with K, for D = the inputs, and b."""
    shape = transposed_shape(ops.shape(inputs), window, output_padding)
    shape = (*shape[:-1], groups * kernel.shape[-2])
    return adjoint_in_inputs(inputs, kernel, window, shape, *bias), ()


def conv_transpose_backward(upstream, inputs, residuals, *, window: Window, **settings):
    """∂E/∂x and ∂E/∂K: the convolution of D, and its adjoint in the kernel; ∂E/∂b = Σ D."""
    image, kernel, *bias = inputs
    return (
        correlate(upstream, kernel, window),
        adjoint_in_kernel(upstream, image, window, kernel.shape),
        *bias_gradient(upstream, *bias),
    )


def conv_transpose_exported(inputs, kernel, *bias, window: Window, output_padding, groups: int):
    """y, cropped from the uncropped adjoint: ONNX has no rows that no input reaches."""
    refuse_onnx_on_jax("transposed convolutions")
    whole = window._replace(padding="valid")
    no_more = (0,) * len(window.strides)
    channels = groups * kernel.shape[-2]
    shape = (*transposed_shape(ops.shape(inputs), whole, no_more)[:-1], channels)
    by_flipped_kernel = max(window.strides) == 1 or max(window.dilation) > 1
    if by_flipped_kernel and is_leaving_tensorflow():
        outputs = current.module("exported").adjoint_in_inputs(inputs, kernel, whole, groups)
    else:
        outputs = adjoint_in_inputs(inputs, kernel, whole, shape)
    # what to cut off or add is the same for any length
    any_length = [None if axis not in window.axes else _LONG for axis in range(len(shape))]
    wanted = transposed_shape(any_length, window, output_padding)
    uncropped = transposed_shape(any_length, whole, no_more)
    around = tuple(
        (-before, wanted[axis] - uncropped[axis] + before)
        for axis, (before, _) in zip(window.axes, window.resolved(wanted).pads, strict=True)
    )
    return add_bias(pad_or_crop(outputs, around, window.axes), *bias)


_conv_transpose = Op(
    conv_transpose_forward,
    conv_transpose_backward,
    compiled=False,
    exported=conv_transpose_exported,
    own_kernel=lambda *tensors, **settings: conv_transpose_forward(*tensors, **settings)[0],
)
