"""Unpooling: puts values back where max pooling found them, and zeros everywhere else.

    y[indices(i)] = x(i);      ∂E/∂x(i) = D[indices(i)]

for each image and channel on its own.
"""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.ops import windows
from keras_dlnotes.ops.dtypes import floating
from keras_dlnotes.ops.exporting import LITERT, is_exporting
from keras_dlnotes.ops.pool import pool_window
from keras_dlnotes.ops.shapes import flatten_positions, reshape
from keras_dlnotes.ops.unpool_arguments import ensure_inside, index_tensor, requested_lengths
from keras_dlnotes.ops.vjp import Op
from keras_dlnotes.ops.windows import Window


def max_unpool(
    inputs,
    indices,
    pool_size=2,
    strides=None,
    padding="valid",
    data_format=None,
    output_size=None,
):
    """Returns the inputs put back where max pooling found them, and zeros elsewhere.

    y[indices(i)] = x(i) for each image and channel. Where overlapping windows found the same
    maximum, its position holds one of the values, and each gets the position's gradient.

    Args:
        inputs: tensor (batch, lengths…, channels) of 1 to 3 spatial axes, or channels first.
        indices: integer tensor of the same shape: positions counted along the rows (row·width +
            column), as `max_pool(…, return_indices=True)` gives them.
        pool_size, strides, padding, data_format: those of the pooling.
        output_size: lengths of the output, one for each axis: those of the pooled image. They may
            be a tensor or contain tensors, `ops.shape(image)[1:3]`; or the image itself. None takes
            the shortest that can have been pooled, (m−1)s − 2p + k, and m·s for "same".

    Returns:
        Tensor of the inputs' layout and type; integers are converted to the type of the
        computation.

    Raises:
        ValueError: for an argument out of range, indices of another shape, or an index outside the
            image. A plain TensorFlow graph raises its InvalidArgumentError when it runs; a program
            compiled by XLA, as on JAX, cannot raise, and all values of that image and channel are
            NaN.

    Reference:
        Lecture notes, "Upsampling"; for the layer, M. Zeiler and R. Fergus, "Visualizing and
        Understanding Convolutional Networks", 2014.

    Example:

    >>> import numpy as np
    >>> from keras_dlnotes.ops.pool import max_pool
    >>> x = np.array([[1., 9, 2, 3], [4, 5, 8, 6]]).reshape(1, 2, 4, 1)
    >>> y = max_unpool(*max_pool(x, 2, return_indices=True), 2)
    >>> ops.convert_to_numpy(y)[0, :, :, 0].tolist()
    [[0.0, 9.0, 0.0, 0.0], [0.0, 0.0, 8.0, 0.0]]
    """
    (inputs,) = floating(inputs=inputs)
    indices = index_tensor(indices)
    rank = len(inputs.shape) - 2
    if not 1 <= rank <= 3:
        raise argument_error("inputs", "of rank 3, 4 or 5", tuple(inputs.shape))
    data_format = windows.standardize_data_format(data_format)
    window = pool_window(pool_size, strides, padding, "channels_last", rank)
    if tuple(indices.shape) != tuple(inputs.shape):
        raise argument_error(
            "indices", f"of the inputs' shape {tuple(inputs.shape)}", tuple(indices.shape)
        )
    if data_format == "channels_first":
        inputs, indices = ops.moveaxis(inputs, 1, -1), ops.moveaxis(indices, 1, -1)
    size = requested_lengths(output_size, rank, data_format)
    is_open = size is not None and not all(isinstance(length, int) for length in size)
    _, *lengths, _ = unpooled_shape(ops.shape(inputs), window, size)
    inputs, indices = ensure_inside(inputs, indices, lengths)
    outputs = _max_unpool(
        inputs,
        indices,
        # a tensor cannot be a setting
        *([ops.stack([ops.cast(length, "int32") for length in size])] if is_open else []),
        window=window,
        output_size=None if is_open else size,
    )
    return ops.moveaxis(outputs, -1, 1) if data_format == "channels_first" else outputs


def unpooled_shape(
    shape: Sequence[Any], window: Window, output_size: Sequence[Any] | None
) -> tuple[Any, ...]:
    """Returns the shape of the output, channels last; lengths may be None or tensors."""
    batch, *lengths, channels = shape
    if output_size is not None:
        return (batch, *output_size, channels)
    result: list[Any] = []
    for number, (m, k, s) in enumerate(zip(lengths, window.size, window.strides, strict=True)):
        if m is None:
            result.append(None)
        elif window.padding == "same":
            result.append(m * s)
        else:
            crop = 0 if window.padding == "valid" else sum(window.pads[number])
            result.append((m - 1) * s + k - crop)
    return (batch, *result, channels)


def max_unpool_forward(inputs, indices, *size, window: Window, output_size):
    """y[indices(i)] = x(i), all images and channels flattened to one vector."""
    batch, *lengths, channels = _shape(inputs, size, window, output_size)
    count = math.prod(lengths)
    rows = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1)) * count
    columns = ops.arange(channels, dtype="int32")
    targets = (rows + flatten_positions(indices)) * channels + columns
    zeros = ops.zeros((batch * count * channels,), inputs.dtype)
    filled = ops.scatter_update(zeros, ops.reshape(targets, (-1, 1)), ops.reshape(inputs, (-1,)))
    return reshape(filled, (batch, *lengths, channels)), ()


def max_unpool_backward(upstream, inputs, residuals, *, window: Window, output_size):
    """∂E/∂x(i) = D[indices(i)]."""
    values, indices, *size = inputs
    found = ops.take_along_axis(flatten_positions(upstream), flatten_positions(indices), axis=1)
    return reshape(found, ops.shape(values)), *(None for _ in (indices, *size))


def max_unpool_exported(inputs, indices, *size, window: Window, output_size):
    """y; for LiteRT, which adds values written to one position, divided by their number."""
    settings = {"window": window, "output_size": output_size}
    outputs = max_unpool_forward(inputs, indices, *size, **settings)[0]
    if not is_exporting(LITERT):
        return outputs
    times = max_unpool_forward(ops.ones_like(inputs), indices, *size, **settings)[0]
    return outputs / ops.maximum(times, 1)


_max_unpool = Op(
    max_unpool_forward, max_unpool_backward, compiled=False, exported=max_unpool_exported
)


def _shape(inputs, size, window: Window, output_size):
    """The output's shape; `size` contains the tensor of its lengths, if there is one."""
    for lengths in size:
        output_size = [lengths[axis] for axis in range(len(inputs.shape) - 2)]
    return unpooled_shape(ops.shape(inputs), window, output_size)
