"""Convolutional networks for images."""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import keras

from keras_dlnotes import layers
from keras_dlnotes.common.checks import argument_error, choice, fraction, is_sequence
from keras_dlnotes.layers.layout import in_layout
from keras_dlnotes.models import arguments
from keras_dlnotes.models.channels import over_channels
from keras_dlnotes.models.images import Images, Lengths, check_stages, image_shape, preprocessed
from keras_dlnotes.ops.conv_arguments import conv_window
from keras_dlnotes.ops.pool import pool_window
from keras_dlnotes.ops.windows import Window, output_shape, standardize_data_format

CONVOLUTIONS: dict[str, Any] = {
    "full": layers.Conv2D,
    "separable": layers.SeparableConv2D,
    "spatially_separable": layers.SpatiallySeparableConv2D,
}


def conv_block(
    inputs,
    filters: int,
    kernel_size: int | Sequence[int] = 3,
    padding: Any = "same",
    activation: str | Callable | None = "relu",
    pool_size: int | Sequence[int] = 2,
    convolution: str = "full",
    moving_statistic: str | None = None,
    data_format: str | None = None,
):
    """Applies the three stages of a "complex layer": convolution, detector and max pooling.

    y = max over each pool of φ(K ⋆ x + b). In the terminology of simple layers, each stage is a
    layer of its own: `Conv2D`, `Activation` and `MaxPooling2D`, which is what the function calls.

    Args:
        inputs: tensor of shape (batch, height, width, channels), or (batch, channels, height,
            width) where channels come first.
        filters: number of feature maps, ≥ 1.
        kernel_size: k, or (k_h, k_w), ≥ 1.
        padding: of the convolution; as in `layers.Conv2D`.
        activation: the detector φ; None for none.
        pool_size: size and stride of the pooling windows; 1 omits the pooling.
        convolution: "full", "separable" (depthwise, then 1×1) or "spatially_separable" (k×1, then
            1×k).
        moving_statistic: "std" or "variance" adds a batch normalization with this moving statistic
            before the detector; None for none.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        A tensor of shape (batch, height', width', filters), in the layout of the inputs.

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Complex layer terminology".

    Example:

    >>> inputs = keras.Input((28, 28, 1))
    >>> conv_block(inputs, filters=16).shape
    (None, 14, 14, 16)
    """
    images = _images_of(inputs, data_format)
    arguments.count("filters", filters)
    _check_block(kernel_size, padding, activation, pool_size, convolution, moving_statistic)
    _check_kernels(("inputs", inputs, images.channels), filters, kernel_size, convolution)
    _after_block(images.lengths, kernel_size, padding, pool_size)

    layer = CONVOLUTIONS[convolution]
    outputs = layer(filters, kernel_size, padding=padding, data_format=images.data_format)(inputs)
    if moving_statistic is not None:
        normalization = layers.BatchNormalization(images.axis, moving_statistic=moving_statistic)
        outputs = normalization(outputs)
    outputs = keras.layers.Activation(over_channels(activation, images))(outputs)
    if _pooling(pool_size).size == (1, 1):
        return outputs
    return layers.MaxPooling2D(pool_size, data_format=images.data_format)(outputs)


def convnet(
    input_shape: Sequence[int],
    classes: int,
    filters: Sequence[int] = (32, 64),
    kernel_size: int | Sequence[int] = 3,
    padding: Any = "same",
    activation: str | Callable | None = "relu",
    pool_size: int | Sequence[int] = 2,
    hidden: Sequence[int] = (128,),
    dropout: float = 0.0,
    classifier_activation: str | Callable | None = "softmax",
    preprocessing: Sequence[keras.layers.Layer] = (),
    convolution: str = "full",
    moving_statistic: str | None = None,
    data_format: str | None = None,
) -> keras.Model:
    """Builds an image classifier: complex layers, then dense layers.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; each ≥ 1.
        classes: number of classes, ≥ 1.
        filters: number of feature maps of each `conv_block`, first to last.
        kernel_size: of every convolution.
        padding: of every convolution; as in `layers.Conv2D`.
        activation: of every convolution and of the hidden dense layers.
        pool_size: of every block.
        hidden: units of each dense layer between the last block and the classifier.
        dropout: fraction of the units dropped before each dense layer, in [0, 1).
        classifier_activation: of the last layer; None for logits.
        preprocessing: layers that the images go through first, such as an adapted
            `keras.layers.Normalization` or random augmentation.
        convolution: the kind of every convolution; as in `conv_block`.
        moving_statistic: of the batch normalization in every block; as in `conv_block`.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or if a block would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "The CNN".

    Example:

    >>> model = convnet((28, 28, 1), classes=10, filters=(16, 32), hidden=())
    >>> model.output_shape, model.count_params()
    ((None, 10), 20490)
    """
    images = image_shape(input_shape, data_format)
    arguments.count("classes", classes)
    filters = arguments.counts("filters", filters)
    _check_block(kernel_size, padding, activation, pool_size, convolution, moving_statistic)
    hidden = arguments.counts("hidden", hidden)
    fraction("dropout", dropout)
    arguments.activation("classifier_activation", classifier_activation)
    inputs, outputs, images = preprocessed(images, preprocessing)
    what = f"convolution {_convolution(kernel_size, padding).size} and pooling "
    what += str(_pooling(pool_size).size)
    block = partial(_after_block, kernel_size=kernel_size, padding=padding, pool_size=pool_size)
    lengths = check_stages(images, [(what, block)] * len(filters))
    _check_kernels(("input_shape", input_shape, images.channels), filters, kernel_size, convolution)
    last = (images.channels, *filters)[-1]
    features = prod(lengths) * last  # type: ignore[arg-type]  # lengths are known
    arguments.check_weights(
        ("input_shape", input_shape, features),
        ("hidden", hidden, *hidden),
        ("classes", classes, classes),
    )

    for count in filters:
        outputs = conv_block(
            outputs,
            count,
            kernel_size,
            padding,
            activation,
            pool_size,
            convolution,
            moving_statistic,
            images.data_format,
        )
    outputs = keras.layers.Flatten(images.data_format)(outputs)
    for units in hidden:
        outputs = _dropped(outputs, dropout)
        outputs = keras.layers.Dense(units, activation=activation)(outputs)
    outputs = _dropped(outputs, dropout)
    outputs = keras.layers.Dense(classes, activation=classifier_activation)(outputs)
    return keras.Model(inputs, outputs, name="convnet")


def _dropped(tensor, rate: float):
    return keras.layers.Dropout(rate)(tensor) if rate else tensor


def _images_of(tensor, data_format: str | None) -> Images:
    """The shape of a batch of images, or raises where it is none."""
    shape = tuple(getattr(tensor, "shape", ()))
    images = Images(shape[1:], standardize_data_format(data_format))
    if len(shape) != 4 or images.channels is None:
        names = in_layout(("batch", "height", "width", "channels"), images.data_format)
        expected = f"a tensor of shape ({', '.join(names)}), its channels known"
        raise argument_error("inputs", expected, tensor)
    return images


def _check_block(
    kernel_size, padding, activation, pool_size, convolution, moving_statistic
) -> None:
    sides = _convolution(kernel_size, padding).padding
    if not isinstance(sides, str) and max(max(pair) for pair in sides) > arguments.MOST_PADDING:
        raise argument_error("padding", f"at most {arguments.MOST_PADDING} on each side", padding)
    arguments.activation("activation", activation)
    _pooling(pool_size)
    choice("convolution", convolution, CONVOLUTIONS)
    if moving_statistic is not None:
        choice("moving_statistic", moving_statistic, ("std", "variance"))


def _check_kernels(inputs: tuple, filters, kernel_size, convolution: str) -> None:
    """Raises if a kernel would be too large; separable ones are smaller than this bound."""
    sides = _convolution(kernel_size, "valid").size
    arguments.check_weights(
        inputs,
        ("filters", filters, *(filters if is_sequence(filters) else (filters,))),
        taps=prod(sides) if convolution == "full" else max(sides),
        kernel=("kernel_size", kernel_size),
    )


def _after_block(lengths: Lengths, kernel_size, padding, pool_size) -> Lengths:
    """Returns (height, width) after a block, or raises if a window is larger."""
    shape = output_shape((None, *lengths, None), _convolution(kernel_size, padding))
    return output_shape(shape, _pooling(pool_size), "pool_size")[1:3]


def _convolution(kernel_size, padding) -> Window:
    return conv_window(kernel_size, 1, padding, 1, rank=2)


def _pooling(pool_size) -> Window:
    return pool_window(pool_size, None, "valid", "channels_last", rank=2)
