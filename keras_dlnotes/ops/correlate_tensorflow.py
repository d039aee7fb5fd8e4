"""TensorFlow's kernels for `correlate`.

On a CPU `tf.nn.conv2d` takes explicit padding and dilation, its gradients only the padding. So the
gradients of a dilated convolution are written with forward convolutions and matrix products, and so
is x̄ at stride 1, where the forward kernel is the faster one. Groups go one by one: the grouped
kernel has no gradient, fails where TensorFlow fuses it with a bias, and is no faster.
"""

import tensorflow as tf
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.taps import insert_zeros, taps
from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window):
    groups = inputs.shape[-1] // kernel.shape[-2]
    if groups > 1:
        parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([correlate(*part, window) for part in parts], -1)
    rank = len(window.size)
    if rank == 1:
        return correlate(inputs[:, None], kernel[None], _lifted(window))[:, 0]
    if rank == 2 and _is_static(window):
        return tf.nn.conv2d(
            inputs, kernel, window.strides, _explicit(window), dilations=window.dilation
        )
    padded = windows.pad(inputs, window.padding, window.axes)
    if rank == 2:
        return tf.nn.conv2d(padded, kernel, window.strides, "VALID", dilations=window.dilation)
    if max(window.dilation) == 1:
        return tf.nn.conv3d(padded, kernel, [1, *window.strides, 1], "VALID")
    dense = tf.nn.convolution(padded, kernel, padding="VALID", dilations=window.dilation)
    return dense[(slice(None), *(slice(None, None, s) for s in window.strides))]


def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    groups = shape[-1] // kernel.shape[-2]
    if groups > 1:
        parts = zip(tf.split(upstream, groups, -1), tf.split(kernel, groups, -1), strict=True)
        narrow = (*shape[:-1], kernel.shape[-2])
        return tf.concat([adjoint_in_inputs(*part, window, narrow) for part in parts], -1)
    rank = len(window.size)
    if max(window.strides) == 1 or max(window.dilation) > 1:
        return _flipped_correlation(upstream, kernel, window, shape)
    if rank == 1:
        lifted_shape = (shape[0], 1, *shape[1:])
        lifted = adjoint_in_inputs(upstream[:, None], kernel[None], _lifted(window), lifted_shape)
        return lifted[:, 0]
    if rank == 2 and _is_static(window):
        return tf.nn.conv2d_transpose(
            upstream, kernel, tf.stack(shape), window.strides, _explicit(window)
        )
    transpose = tf.nn.conv2d_transpose if rank == 2 else tf.nn.conv3d_transpose
    padded_shape = tf.stack(windows.padded_shape(shape, window))
    whole = transpose(upstream, kernel, padded_shape, [1, *window.strides, 1], "VALID")
    return windows.crop(whole, window.padding, window.axes, shape)


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    *size, narrow, out = kernel_shape
    groups = inputs.shape[-1] // narrow
    if groups > 1:
        parts = zip(tf.split(inputs, groups, -1), tf.split(upstream, groups, -1), strict=True)
        shape = (*size, narrow, out // groups)
        return tf.concat([adjoint_in_kernel(*part, window, shape) for part in parts], -1)
    rank = len(window.size)
    if max(window.dilation) > 1:
        return _tap_products(inputs, upstream, window, kernel_shape)
    if rank == 1:
        return adjoint_in_kernel(
            inputs[:, None], upstream[:, None], _lifted(window), (1, *kernel_shape)
        )[0]
    common = {
        "filter_sizes": kernel_shape,
        "out_backprop": upstream,
        "strides": [1, *window.strides, 1],
    }
    if rank == 2 and _is_static(window):
        sides = [side for pair in _explicit(window) for side in pair]
        return tf.raw_ops.Conv2DBackpropFilter(
            input=inputs, padding="EXPLICIT", explicit_paddings=sides, **common
        )
    gradient = tf.raw_ops.Conv2DBackpropFilter if rank == 2 else tf.raw_ops.Conv3DBackpropFilterV2
    padded = windows.pad(inputs, window.padding, window.axes)
    return gradient(input=padded, padding="VALID", **common)


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
        spread = windows.pad_or_crop(spread, around, window.axes)
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
    """The window of height 1 that a 1-D window is on an image of height 1."""
    return Window(
        (1, *window.size),
        (1, *window.strides),
        ((0, 0), *window.padding),
        (1, *window.dilation),
        (1, 2),
    )


def _explicit(window: Window) -> list[list[int]]:
    return [[0, 0], *map(list, window.padding), [0, 0]]


def _is_static(window: Window) -> bool:
    return all(isinstance(side, int) for pair in window.padding for side in pair)
