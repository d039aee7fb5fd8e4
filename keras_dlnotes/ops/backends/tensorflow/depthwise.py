"""TensorFlow's kernels for depthwise correlation: each channel has filters of its own.

All kernels are (k, k, channels, filters per channel), all tensors channels last. On a CPU the
native kernels take neither dilation nor two different strides. Then the image is divided into the
d·d images of every d-th row and column (its phases), which a dense window slides over as batch
entries:

    y = every s-th of  join(K ∗ phases(padded x)),

and since each of these steps is linear, the adjoints take the adjoint steps in reverse order.
"""

import tensorflow as tf
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends.tensorflow.half_precision import in_float32
from keras_dlnotes.ops.padding import crop, pad
from keras_dlnotes.ops.window_slices import dilate
from keras_dlnotes.ops.windows import Window

_DENSE = {"strides": (1, 1, 1, 1), "padding": "VALID"}


@in_float32(tf.float16, tf.bfloat16)
def correlate(inputs, kernel, window: Window):
    if _is_native(window):
        strides = (1, *window.strides, 1)
        if windows.is_same(window, tuple(inputs.shape)):
            return tf.nn.depthwise_conv2d(inputs, kernel, strides, "SAME")
        # not explicit padding: TensorFlow fuses it with a bias that follows, and then aborts
        padded = pad(inputs, window.pads, window.axes)
        return tf.nn.depthwise_conv2d(padded, kernel, strides, "VALID")
    lengths = _whole_phases(ops.shape(inputs), window)
    dense = tf.nn.depthwise_conv2d(_phases(inputs, window, lengths), kernel, **_DENSE)
    index = [slice(None)] * 4
    for axis, n, s in zip(
        window.axes, windows.num_windows(ops.shape(inputs), window), window.strides, strict=True
    ):
        index[axis] = slice(0, (n - 1) * s + 1, s)
    return tf.batch_to_space(dense, window.dilation, [[0, 0], [0, 0]])[tuple(index)]


@in_float32(tf.float16, tf.bfloat16)
def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    if not _is_native(window):
        lengths = _whole_phases(shape, window)
        batch = shape[0] * window.dilation[0] * window.dilation[1]
        phase = [length // d for length, d in zip(lengths, window.dilation, strict=True)]
        upstream = _upstream_phases(upstream, window, lengths)
        dense = tf.nn.depthwise_conv2d_backprop_input(
            tf.stack((batch, *phase, shape[-1])), kernel, upstream, **_DENSE
        )
        crops = [
            [before, length - before - shape[axis]]
            for axis, (before, _), length in zip(window.axes, window.pads, lengths, strict=True)
        ]
        return tf.batch_to_space(dense, window.dilation, crops)
    strides = (1, *window.strides, 1)
    if windows.is_same(window, shape):
        return tf.nn.depthwise_conv2d_backprop_input(
            tf.stack(shape), kernel, upstream, strides, "SAME"
        )
    padded_shape = tf.stack(windows.padded_shape(shape, window))
    whole = tf.nn.depthwise_conv2d_backprop_input(padded_shape, kernel, upstream, strides, "VALID")
    return crop(whole, window.pads, window.axes, shape)


@in_float32(tf.float16, tf.bfloat16, on_gpu=True)
def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    if not _is_native(window):
        lengths = _whole_phases(ops.shape(inputs), window)
        inputs = _phases(inputs, window, lengths)
        upstream = _upstream_phases(upstream, window, lengths)
        return tf.nn.depthwise_conv2d_backprop_filter(inputs, kernel_shape, upstream, **_DENSE)
    is_same = windows.is_same(window, tuple(inputs.shape))
    padding = "SAME" if is_same else windows.explicit_padding(window)
    strides = (1, *window.strides, 1)
    return tf.nn.depthwise_conv2d_backprop_filter(inputs, kernel_shape, upstream, strides, padding)


def _is_native(window: Window) -> bool:
    return max(window.dilation) == 1 and len(set(window.strides)) == 1 and windows.is_static(window)


def _whole_phases(shape, window: Window) -> list:
    """The padded lengths, rounded up to multiples of d."""
    padded = windows.padded_shape(shape, window)
    return [-(-padded[axis] // d) * d for axis, d in zip(window.axes, window.dilation, strict=True)]


def _phases(inputs, window: Window, lengths):
    """The padded image as d·d images: (batch·d·d, lengths / d, channels)."""
    shape = windows.padded_shape(ops.shape(inputs), window)
    padding = [
        [before, after + length - shape[axis]]
        for axis, (before, after), length in zip(window.axes, window.pads, lengths, strict=True)
    ]
    return tf.space_to_batch(inputs, window.dilation, padding)


def _upstream_phases(upstream, window: Window, lengths):
    """D, dilated by the stride, in phases that match those of the image."""
    dilated = dilate(upstream, window.strides, window.axes)
    shape = ops.shape(dilated)
    padding = [
        [0, length - d * (k - 1) - shape[axis]]
        for axis, length, k, d in zip(
            window.axes, lengths, window.size, window.dilation, strict=True
        )
    ]
    return tf.space_to_batch(dilated, window.dilation, padding)
