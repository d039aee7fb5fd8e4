"""Convolutional networks for images."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_dlnotes import layers
from keras_dlnotes.checks import choice, fraction, integer, integers
from keras_dlnotes.models.sizes import check_stages, preprocessed
from keras_dlnotes.ops.windows import output_length, standardize_padding

CONVOLUTIONS = {
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
):
    """Applies the three stages of a "complex layer": convolution, detector and max pooling.

    y = max over each pool of φ(K ⋆ x + b). In the terminology of simple layers, each stage is a
    layer of its own: `Conv2D`, `Activation` and `MaxPooling2D`, which is what the function calls.

    Args:
        inputs: tensor of shape (batch, height, width, channels).
        filters: number of feature maps, ≥ 1.
        kernel_size: k, or (k_h, k_w), ≥ 1.
        padding: of the convolution; as in `layers.Conv2D`.
        activation: the detector φ; None for none.
        pool_size: length of the pools and of their steps; 1 leaves the pooling out.
        convolution: "full", "separable" (depthwise, then 1×1) or "spatially_separable" (k×1, then
            1×k).
        moving_statistic: "std" or "variance" puts a batch normalization that averages it before the
            detector; None for none.

    Returns:
        A tensor of shape (batch, height', width', filters).

    Reference:
        Lecture notes, "Complex layer terminology".

    Example:

    >>> inputs = keras.Input((28, 28, 1))
    >>> conv_block(inputs, filters=16).shape
    (None, 14, 14, 16)
    """
    layer = CONVOLUTIONS[choice("convolution", convolution, CONVOLUTIONS)]
    outputs = layer(filters, kernel_size, padding=padding)(inputs)
    if moving_statistic is not None:
        outputs = layers.BatchNormalization(moving_statistic=moving_statistic)(outputs)
    outputs = keras.layers.Activation(activation)(outputs)
    if integers("pool_size", pool_size, 2, minimum=1) == (1, 1):
        return outputs
    return layers.MaxPooling2D(pool_size)(outputs)


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
) -> keras.Model:
    """Builds an image classifier: complex layers, then dense layers.

    Args:
        input_shape: (height, width, channels), each ≥ 1.
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

    Returns:
        An uncompiled functional model, (batch, height, width, channels) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or where a block would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "The CNN".

    Example:

    >>> model = convnet((28, 28, 1), classes=10, filters=(16, 32), hidden=())
    >>> model.output_shape, model.count_params()
    ((None, 10), 20490)
    """
    input_shape = integers("input_shape", input_shape, 3, minimum=1)
    integer("classes", classes, minimum=1)
    fraction("dropout", dropout)
    _check_sizes(input_shape, filters, kernel_size, padding, pool_size)

    inputs = keras.Input(input_shape)
    outputs = preprocessed(inputs, preprocessing)
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
        )
    outputs = keras.layers.Flatten()(outputs)
    for units in hidden:
        outputs = _dropped(outputs, dropout)
        outputs = keras.layers.Dense(units, activation=activation)(outputs)
    outputs = _dropped(outputs, dropout)
    outputs = keras.layers.Dense(classes, activation=classifier_activation)(outputs)
    return keras.Model(inputs, outputs, name="convnet")


def _dropped(tensor, rate: float):
    return keras.layers.Dropout(rate)(tensor) if rate else tensor


def _check_sizes(input_shape, filters, kernel_size, padding, pool_size) -> None:
    """Raises where a block's kernel or pool no longer fits into what the blocks before it leave."""
    kernel_size = integers("kernel_size", kernel_size, 2, minimum=1)
    pool_size = integers("pool_size", pool_size, 2, minimum=1)
    padding = standardize_padding(padding, rank=2)
    paddings = (padding, padding) if isinstance(padding, str) else padding

    def lengths_after(lengths):
        return tuple(
            output_length(output_length(length, k, p), pool, stride=pool)
            for length, k, p, pool in zip(lengths, kernel_size, paddings, pool_size, strict=True)
        )

    what = f"convolution {kernel_size} and pooling {pool_size}"
    check_stages(input_shape, [(what, lengths_after)] * len(filters))
