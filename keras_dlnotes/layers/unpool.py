"""Unpooling: the inverse of max pooling with indices."""

import keras

from keras_dlnotes import ops
from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.layers.layout import channels_last, in_layout
from keras_dlnotes.layers.types import floating_inputs
from keras_dlnotes.ops.dtypes import real
from keras_dlnotes.ops.pool import pool_window
from keras_dlnotes.ops.unpool import unpooled_shape
from keras_dlnotes.ops.unpool_arguments import check_int32_range, requested_lengths
from keras_dlnotes.ops.windows import standardize_data_format


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts values back where 2-D max pooling found them, and zeros everywhere else.

    y[indices(i)] = x(i) and ∂E/∂x(i) = D[indices(i)] for each image and channel: the partial
    inverse of `MaxPooling2D(…, return_indices=True)`, called on the pair that it returns. It is
    PyTorch's `torch.nn.MaxUnpool2d`, which Keras lacks.

    Args:
        pool_size: int k ≥ 1, or two of them: that of the pooling, as are the next three.
        strides: int s ≥ 1, or two of them; None takes `pool_size`.
        padding: "valid", "same", int p ≥ 0, or for each axis an int or a (before, after) pair.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Input shape:
        [values, indices], both (batch, height, width, channels), or (batch, channels, height,
        width). Where pooling cut off what did not fill a window, `output_size` of a call says which
        size was pooled: (height, width), each of which may be a tensor; a tensor of both; or the
        pooled image, for a model that takes images of any size.

    Output shape:
        The same layout with the lengths of `output_size`; without it (m−1)s − 2p + k, and m·s for
        "same".

    Raises:
        ValueError: for an argument out of range, at construction; for inputs that are no such pair
            and for an index outside the image, when the layer is called. Compiled by XLA it cannot
            raise, and all values of that image and channel are NaN.

    Reference:
        Lecture notes, "Upsampling"; M. Zeiler and R. Fergus, "Visualizing and Understanding
        Convolutional Networks", 2014.

    Example:

    >>> from keras_dlnotes.layers import MaxPooling2D
    >>> image = keras.ops.reshape(keras.ops.arange(16.0), (1, 4, 4, 1))
    >>> values, indices = MaxPooling2D(2, return_indices=True)(image)
    >>> restored = MaxUnpooling2D(2)([values, indices])
    >>> keras.ops.convert_to_numpy(restored)[0, :, :, 0].astype(int).tolist()
    [[0, 0, 0, 0], [0, 5, 0, 7], [0, 0, 0, 0], [0, 13, 0, 15]]
    """

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        self._window = pool_window(pool_size, strides, padding, data_format, rank=2)
        super().__init__(**kwargs)
        self.pool_size, self.strides = self._window.size, self._window.strides
        self.padding = padding if isinstance(padding, int) else self._window.padding
        self.data_format = standardize_data_format(data_format)

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, list | tuple) and len(inputs) == 2:
            check_int32_range(inputs[1])  # Keras on JAX would truncate it to 32 bits
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs, output_size=None):
        values, indices = _pair(inputs)
        outputs = ops.max_unpool(
            floating_inputs(self, values),
            indices,
            self.pool_size,
            self.strides,
            self.padding,
            self.data_format,
            output_size,
        )
        return keras.ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape, output_size=None):
        shape, _ = _pair(input_shape)
        size = requested_lengths(output_size, 2, self.data_format)
        if size is not None:
            size = [length if isinstance(length, int) else None for length in size]
        shape = unpooled_shape(channels_last(shape, self.data_format), self._window, size)
        return in_layout(shape, self.data_format)

    def compute_output_spec(self, inputs, output_size=None):
        values, indices = _pair(inputs)
        real("inputs", values)
        shape = self.compute_output_shape([values.shape, indices.shape], output_size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        names = ("pool_size", "strides", "padding", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _pair(inputs):
    if not isinstance(inputs, list | tuple) or len(inputs) != 2:
        raise argument_error("inputs", "a pair [values, indices]", type(inputs).__name__)
    return inputs
