"""TensorFlow's kernels for `correlate`.

On a CPU `tf.nn.conv2d` takes explicit padding and dilation; its gradients take the padding, but by
a slower kernel than without, so they get "SAME" where that is what the padding amounts to, or an
input that is padded already. The gradients of a dilated convolution are written with forward
convolutions and matrix products, and so is x̄ at stride 1, where the forward kernel is the faster
one. A group of one channel is depthwise convolution and has kernels of its own. Other groups go one
by one: the grouped kernel has no gradient, fails where TensorFlow fuses it with a bias, and is no
faster. A CPU's kernels sum float16 in float16, and K̄ in bfloat16 unless they are oneDNN's: they are
handed float32.
"""

import tensorflow as tf
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends.tensorflow import depthwise
from keras_dlnotes.ops.backends.tensorflow.half_precision import in_float32
from keras_dlnotes.ops.borders import crop, pad, pad_or_crop
from keras_dlnotes.ops.taps import insert_zeros, taps
from keras_dlnotes.ops.windows import Window


@in_float32(tf.float16)
def correlate(inputs, kernel, window: Window):
    rank = len(window.size)
    if rank == 1:
        return correlate(inputs[:, None], kernel[None], _lifted(window))[:, 0]
    groups = inputs.shape[-1] // kernel.shape[-2]
    if _is_depthwise(groups, kernel.shape):
        return depthwise.correlate(inputs, _depthwise_kernel(kernel, groups), window)
    if groups > 1:
        parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([correlate(*part, window) for part in parts], -1)
    if rank == 2 and windows.is_static(window):
        padding = windows.explicit_padding(window)
        return tf.nn.conv2d(inputs, kernel, window.strides, padding, dilations=window.dilation)
    padded = pad(inputs, window.padding, window.axes)
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
        lifted_shape = (shape[0], 1, *shape[1:])
        lifted = adjoint_in_inputs(upstream[:, None], kernel[None], _lifted(window), lifted_shape)
        return lifted[:, 0]
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
    return crop(whole, window.padding, window.axes, shape)


@in_float32(tf.float16, tf.bfloat16)
def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    rank = len(window.size)
    if rank == 1:
        lifted = inputs[:, None], upstream[:, None], _lifted(window), (1, *kernel_shape)
        return adjoint_in_kernel(*lifted)[0]
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
        return _tap_products(inputs, upstream, window, kernel_shape)
    padding = "SAME"
    if not windows.is_same(window, inputs.shape):
        inputs, padding = pad(inputs, window.padding, window.axes), "VALID"
    gradient = tf.raw_ops.Conv2DBackpropFilter if rank == 2 else tf.raw_ops.Conv3DBackpropFilterV2
    return gradient(
        input=inputs,
        filter_sizes=kernel_shape,
        out_backprop=upstream,
        strides=[1, *window.strides, 1],
        padding=padding,
    )


def _is_depthwise(groups: int, kernel_shape) -> bool:
    """Whether TensorFlow's kernels for depthwise correlation serve: one channel a group, 2-D."""
    return groups > 1 and kernel_shape[-2] == 1 and len(kernel_shape) == 4


def _depthwise_kernel(kernel, groups: int):
    """(k, k, 1, channels·filters a channel) → (k, k, channels, filters a channel)."""
    return ops.reshape(kernel, (*kernel.shape[:-2], groups, -1))


def _flipped_correlation(upstream, kernel, window: Window, shape):
    """x̄ as a correlation: D, spread out by the stride, with the kernel turned round."""
    rank = len(window.size)
    spread = insert_zeros(upstream, window.strides, window.axes)
    lengths = [ops.shape(spread)[axis] for axis in window.axes]
    around = []
    for k, d, (before, _), axis, length in zip(
        window.size, window.dilation, window.padding, window.axes, lengths, strict=True
    ):
        around.append((d * (k - 1) - before, shape[axis] - length + before))
    dense = window._replace(strides=(1,) * rank, padding=((0, 0),) * rank)
    if all(isinstance(side, int) and side >= 0 for pair in around for side in pair):
        dense = dense._replace(padding=tuple(around))
    else:
        spread = pad_or_crop(spread, around, window.axes)
    turned = ops.swapaxes(ops.flip(kernel, axis=tuple(range(rank))), -1, -2)
    return correlate(spread, turned, dense)


def _tap_products(inputs, upstream, window: Window, kernel_shape):
    """K̄ as one matrix product xᵀD for each tap."""
    *_, narrow, out = kernel_shape
    rows = ops.reshape(upstream, (-1, out))
    products = [
        tf.matmul(ops.reshape(tap, (-1, narrow)), rows, transpose_a=True)
        for tap in taps(inputs, window)
    ]
    return ops.reshape(ops.stack(products), kernel_shape)


def _lifted(window: Window) -> Window:
    """What a 1-D window is on an image of height 1, where any stride down comes to 1."""
    return Window(
        (1, *window.size),
        window.strides * 2,
        ((0, 0), *window.padding),
        (1, *window.dilation),
        (1, 2),
    )
