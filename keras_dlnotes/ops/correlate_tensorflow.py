"""TensorFlow's kernels for `correlate`.

On a CPU `tf.nn.conv2d` takes explicit padding, dilation and groups forward, its gradients only the
padding. So dilated and grouped gradients are written with forward convolutions and matrix products,
and so is x̄ at stride 1, where the forward kernel is the faster one.
"""

import tensorflow as tf
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.taps import insert_zeros, taps
from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window):
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
    groups = inputs.shape[-1] // kernel.shape[-2]
    parts = zip(tf.split(padded, groups, -1), tf.split(kernel, groups, -1), strict=True)
    return tf.concat([_conv3d(*part, window) for part in parts], -1)


def _conv3d(inputs, kernel, window: Window):
    """Without groups, which the 3-D kernel lacks on a CPU, as it lacks dilation with strides."""
    if max(window.dilation) == 1:
        return tf.nn.conv3d(inputs, kernel, [1, *window.strides, 1], "VALID")
    dense = tf.nn.convolution(inputs, kernel, padding="VALID", dilations=window.dilation)
    return dense[(slice(None), *(slice(None, None, s) for s in window.strides))]


def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    rank = len(window.size)
    if max(window.strides) == 1 or max(window.dilation) > 1 or shape[-1] != kernel.shape[-2]:
        return _flipped_correlation(upstream, kernel, window, shape)
    if rank == 1:
        lifted_shape = (shape[0], 1, *shape[1:])
        return adjoint_in_inputs(upstream[:, None], kernel[None], _lifted(window), lifted_shape)[
            :, 0
        ]
    if rank == 2 and _is_static(window):
        return tf.nn.conv2d_transpose(
            upstream, kernel, tf.stack(shape), window.strides, _explicit(window)
        )
    transpose = tf.nn.conv2d_transpose if rank == 2 else tf.nn.conv3d_transpose
    padded_shape = tf.stack(windows.padded_shape(shape, window))
    whole = transpose(upstream, kernel, padded_shape, [1, *window.strides, 1], "VALID")
    return windows.crop(whole, window.padding, window.axes, shape)


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    rank = len(window.size)
    if max(window.dilation) > 1 or inputs.shape[-1] != kernel_shape[-2]:
        return _tap_products(inputs, upstream, window, kernel_shape)
    if rank == 1:
        return adjoint_in_kernel(
            inputs[:, None], upstream[:, None], _lifted(window), (1, *kernel_shape)
        )[0]
    strides = [1, *window.strides, 1]
    if rank == 2 and _is_static(window):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=inputs,
            filter_sizes=kernel_shape,
            out_backprop=upstream,
            strides=strides,
            padding="EXPLICIT",
            explicit_paddings=[side for pair in _explicit(window) for side in pair],
        )
    gradient = tf.raw_ops.Conv2DBackpropFilter if rank == 2 else tf.raw_ops.Conv3DBackpropFilterV2
    return gradient(
        input=windows.pad(inputs, window.padding, window.axes),
        filter_sizes=kernel_shape,
        out_backprop=upstream,
        strides=strides,
        padding="VALID",
    )


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
    spread = windows.pad_or_crop(spread, around, window.axes)
    groups = shape[-1] // kernel.shape[-2]
    turned = _swap_channels(ops.flip(kernel, axis=tuple(range(rank))), groups)
    return correlate(spread, turned, window._replace(strides=(1,) * rank, padding=((0, 0),) * rank))


def _swap_channels(kernel, groups: int):
    """(…, in/groups, out) → (…, out/groups, in)."""
    *size, narrow, out = kernel.shape
    split = ops.reshape(kernel, (*size, narrow, groups, out // groups))
    turned = ops.swapaxes(split, -3, -1)
    return ops.reshape(turned, (*size, out // groups, groups * narrow))


def _tap_products(inputs, upstream, window: Window, kernel_shape):
    """K̄ as one matrix product xᵀD for each tap and group."""
    *size, narrow, out = kernel_shape
    groups = inputs.shape[-1] // narrow
    grouped = ops.reshape(upstream, (-1, groups, out // groups))
    products = [
        ops.einsum("ngi,ngo->igo", ops.reshape(tap, (-1, groups, narrow)), grouped)
        for tap in taps(inputs, window)
    ]
    return ops.reshape(ops.stack(products), (*size, narrow, out))


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
