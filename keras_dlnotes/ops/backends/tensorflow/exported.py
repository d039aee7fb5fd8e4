"""Correlation for ONNX and LiteRT files that TensorFlow writes, in operations that both know.

Some of TensorFlow's operations cannot be exported. An ONNX file gets the phases of a dilated
convolution (`tf.space_to_batch`) wrong where they do not divide an open length. A LiteRT file turns
what it does not know into a "Flex" operation of TensorFlow, which its runtime lacks, and it knows
no convolution whose channels are open, as they are after padding of an open width. So here the
kernels dilate, the padding has a known width, and the surplus is cut off.
"""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends.tensorflow.correlate import flipped
from keras_dlnotes.ops.exporting import LITERT, is_exporting
from keras_dlnotes.ops.padding import pad
from keras_dlnotes.ops.shapes import reshape
from keras_dlnotes.ops.window_slices import dilate
from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window):
    """y(i) = Σ_u x(i·s + u·d − p) K(u), summed over the input channels of a group."""
    return _correlate(*padded(inputs, window), kernel)


def adjoint_in_inputs(inputs, kernel, window: Window, groups: int):
    """The uncropped adjoint, Σ D(i) K(u)ᵀ over i·s + u·d = j, by the flipped kernel."""
    rank = len(window.size)
    around = tuple((d * (k - 1),) * 2 for k, d in zip(window.size, window.dilation, strict=True))
    dense = window._replace(strides=(1,) * rank, padding=around)
    apart = dilate if rank < 3 else _dilate
    return correlate(apart(inputs, window.strides, window.axes), flipped(kernel, groups), dense)


def _dilate(inputs, strides, axes):
    """`dilate` by tensors of four axes: LiteRT cannot pad one of six."""
    for axis, s in zip(axes, strides, strict=True):
        shape = list(ops.shape(inputs))
        n = shape[axis]
        rows = reshape(inputs, (math.prod(shape[:axis]), n, 1, math.prod(shape[axis + 1 :])))
        shape[axis] = n * s
        apart = reshape(ops.pad(rows, [(0, 0), (0, 0), (0, s - 1), (0, 0)]), shape)
        index = [slice(None)] * len(shape)
        index[axis] = slice(0, (n - 1) * s + 1)
        inputs = apart[tuple(index)]
    return inputs


def padded(inputs, window: Window, add: Callable = pad) -> tuple[Any, Window]:
    """Returns the padded inputs, of known channels, and the window without its padding.

    Args:
        inputs: tensor whose lengths may be open.
        window: the geometry.
        add: `(inputs, pads, axes) -> tensor`, which adds the padding.
    """
    shape = ops.shape(inputs)
    resolved = window.resolved(shape)
    widths = resolved.pads
    if not windows.is_static(resolved):  # "same" with strides needs no more than at stride 1
        widths = window._replace(strides=(1,) * len(window.size)).resolved(shape).pads
    outputs = add(inputs, widths, window.axes)
    index = [slice(None)] * len(shape)
    for axis, (most, _), (before, after) in zip(window.axes, widths, resolved.pads, strict=True):
        if before is not most:
            index[axis] = slice(most - before, most + shape[axis] + after)
    return outputs[tuple(index)], window._replace(padding=((0, 0),) * len(window.size))


def _correlate(inputs, window: Window, kernel):
    rank = len(window.size)
    if rank == 1:
        return _correlate(inputs[:, None], windows.as_image_window(window), kernel[None])[:, 0]
    groups = inputs.shape[-1] // kernel.shape[-2]
    if groups > 1 and kernel.shape[-2] == 1 and rank == 2:
        # the function of `tf.nn` would express dilation by phases
        return tf.raw_ops.DepthwiseConv2dNative(
            input=inputs,
            filter=ops.reshape(kernel, (*kernel.shape[:-2], groups, -1)),
            strides=[1, *window.strides, 1],
            padding="VALID",
            dilations=[1, *window.dilation, 1],
        )
    if groups > 1:
        parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([_correlate(part, window, weights) for part, weights in parts], -1)
    if rank == 2:
        return tf.nn.conv2d(inputs, kernel, window.strides, "VALID", dilations=window.dilation)
    if max(window.dilation) > 1 and is_exporting(LITERT):
        return _by_planes(inputs, window, kernel)
    spacing = [1, *window.dilation, 1]
    return tf.nn.conv3d(inputs, kernel, [1, *window.strides, 1], "VALID", dilations=spacing)


def _by_planes(inputs, window: Window, kernel):
    """A volume's dilated convolution as the sum of those of its planes, one per kernel depth."""
    (s, *strides), (d, *dilation) = window.strides, window.dilation
    n = windows.num_windows(ops.shape(inputs), window)[0]
    total = 0
    for u in range(window.size[0]):
        planes = inputs[:, u * d : u * d + (n - 1) * s + 1 : s]
        shape = ops.shape(planes)
        rows = ops.reshape(planes, (-1, *shape[2:]))
        seen = tf.nn.conv2d(rows, kernel[u], strides, "VALID", dilations=dilation)
        total += ops.reshape(seen, (-1, n, *ops.shape(seen)[1:]))
    return total
