"""TensorFlow's kernels for `correlate`.

On a CPU `tf.nn.conv2d` takes explicit padding and dilation; its gradients take the padding, but by
a slower kernel than without, so they get "SAME" where the padding amounts to that, or an input that
is already padded. The gradients of a dilated convolution are written with forward convolutions and
matrix products, and so is x̄ at stride 1, where the forward kernel is the faster one. A group of one
channel is depthwise convolution and has kernels of its own. Other groups are computed one by one:
the grouped kernel has no gradient, fails where TensorFlow fuses it with a bias, and is no faster. A
CPU's kernels sum float16 in float16, and K̄ in bfloat16 unless they are oneDNN's: they get float32.
"""

import tensorflow as tf
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends.tensorflow import depthwise
from keras_dlnotes.ops.backends.tensorflow.half_precision import in_float32
from keras_dlnotes.ops.padding import crop, pad, pad_or_crop
from keras_dlnotes.ops.window_slices import dilate, window_slices
from keras_dlnotes.ops.windows import Window


@in_float32(tf.float16)
def correlate(inputs, kernel, window: Window):
    rank = len(window.size)
    if rank == 1:
        return correlate(inputs[:, None], kernel[None], windows.as_image_window(window))[:, 0]
    groups = inputs.shape[-1] // kernel.shape[-2]
    if _is_depthwise(groups, kernel.shape):
        return depthwise.correlate(inputs, _depthwise_kernel(kernel, groups), window)
    if groups > 1:
        parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([correlate(*part, window) for part in parts], -1)
    if rank == 2 and windows.is_static(window):
        padding = windows.explicit_padding(window)
        return tf.nn.conv2d(inputs, kernel, window.strides, padding, dilations=window.dilation)
    padded = pad(inputs, window.pads, window.axes)
    if rank == 2:
        return tf.nn.conv2d(padded, kernel, window.strides, "VALID", dilations=window.dilation)
    if max(window.dilation) == 1:
        return tf.nn.conv3d(padded, kernel, [1, *window.strides, 1], "VALID")
    dense = tf.nn.convolution(padded, kernel, padding="VALID", dilations=window.dilation)
    return dense[(slice(None), *(slice(None, None, s) for s in window.strides))]


@in_float32(tf.float16)
def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    rank = len(window.size)
    if rank == 1:
        window, shape = windows.as_image_window(window), (shape[0], 1, *shape[1:])
        return adjoint_in_inputs(upstream[:, None], kernel[None], window, shape)[:, 0]
    groups = shape[-1] // kernel.shape[-2]
    if _is_depthwise(groups, kernel.shape):
        kernel = _depthwise_kernel(kernel, groups)
        return depthwise.adjoint_in_inputs(upstream, kernel, window, shape)
    if groups > 1:
        parts = zip(tf.split(upstream, groups, -1), tf.split(kernel, groups, -1), strict=True)
        narrow = (*shape[:-1], kernel.shape[-2])
        return tf.concat([adjoint_in_inputs(*part, window, narrow) for part in parts], -1)
    if max(window.strides) == 1 or max(window.dilation) > 1:
        return _flipped_correlation(upstream, kernel, window, shape)
    transpose = tf.nn.conv2d_transpose if rank == 2 else tf.nn.conv3d_transpose
    strides = [1, *window.strides, 1]
    if windows.is_same(window, shape):
        return transpose(upstream, kernel, tf.stack(shape), strides, "SAME")
    padded_shape = tf.stack(windows.padded_shape(shape, window))
    whole = transpose(upstream, kernel, padded_shape, strides, "VALID")
    return crop(whole, window.pads, window.axes, shape)


@in_float32(tf.float16, tf.bfloat16)
def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    rank = len(window.size)
    if rank == 1:
        window, shape = windows.as_image_window(window), (1, *kernel_shape)
        return adjoint_in_kernel(inputs[:, None], upstream[:, None], window, shape)[0]
    *size, narrow, out = kernel_shape
    groups = inputs.shape[-1] // narrow
    if _is_depthwise(groups, kernel_shape):
        shape = (*size, groups, out // groups)
        found = depthwise.adjoint_in_kernel(inputs, upstream, window, shape)
        return ops.reshape(found, kernel_shape)
    if groups > 1:
        parts = zip(tf.split(inputs, groups, -1), tf.split(upstream, groups, -1), strict=True)
        shape = (*size, narrow, out // groups)
        return tf.concat([adjoint_in_kernel(*part, window, shape) for part in parts], -1)
    if max(window.dilation) > 1:
        return _kernel_adjoint_by_products(inputs, upstream, window, kernel_shape)
    padding = "SAME"
    if not windows.is_same(window, tuple(inputs.shape)):
        inputs, padding = pad(inputs, window.pads, window.axes), "VALID"
    gradient = tf.raw_ops.Conv2DBackpropFilter if rank == 2 else tf.raw_ops.Conv3DBackpropFilterV2
    return gradient(
        input=inputs,
        filter_sizes=kernel_shape,
        out_backprop=upstream,
        strides=[1, *window.strides, 1],
        padding=padding,
    )


def _is_depthwise(groups: int, kernel_shape) -> bool:
    """Whether TensorFlow's depthwise kernels apply: one channel per group, in two dimensions."""
    return groups > 1 and kernel_shape[-2] == 1 and len(kernel_shape) == 4


def flipped(kernel, groups: int = 1):
    """The kernel of the adjoint: flipped along all spatial axes, a group's channels exchanged."""
    *size, narrow, out = kernel.shape
    kernel = ops.flip(kernel, axis=tuple(range(len(size))))
    if groups == 1:
        return ops.swapaxes(kernel, -1, -2)
    apart = ops.reshape(kernel, (*size, narrow, groups, out // groups))
    return ops.reshape(ops.swapaxes(apart, -1, -3), (*size, out // groups, groups * narrow))


def _depthwise_kernel(kernel, groups: int):
    """(k, k, 1, channels·filters per channel) → (k, k, channels, filters per channel)."""
    return ops.reshape(kernel, (*kernel.shape[:-2], groups, -1))


def _flipped_correlation(upstream, kernel, window: Window, shape):
    """x̄ as a correlation of D, dilated by the stride, with the flipped kernel."""
    rank = len(window.size)
    dilated = dilate(upstream, window.strides, window.axes)
    lengths = [ops.shape(dilated)[axis] for axis in window.axes]
    around = tuple(
        (d * (k - 1) - before, shape[axis] - length + before)
        for k, d, (before, _), axis, length in zip(
            window.size, window.dilation, window.pads, window.axes, lengths, strict=True
        )
    )
    dense = window._replace(strides=(1,) * rank, padding=((0, 0),) * rank)
    if all(isinstance(side, int) and side >= 0 for pair in around for side in pair):
        dense = dense._replace(padding=around)
    else:
        dilated = pad_or_crop(dilated, around, window.axes)
    return correlate(dilated, flipped(kernel), dense)


def _kernel_adjoint_by_products(inputs, upstream, window: Window, kernel_shape):
    """K̄ as one matrix product xᵀD for each offset in the window."""
    *_, narrow, out = kernel_shape
    rows = ops.reshape(upstream, (-1, out))
    products = [
        tf.matmul(ops.reshape(seen, (-1, narrow)), rows, transpose_a=True)
        for seen in window_slices(inputs, window)
    ]
    return ops.reshape(ops.stack(products), kernel_shape)
