"""VGG: blocks of 3×3 convolutions with a pooling after each."""

from collections.abc import Callable, Sequence
from math import prod

import keras

from keras_dlnotes import layers
from keras_dlnotes.common.checks import argument_error, flag, fraction, number
from keras_dlnotes.models import arguments
from keras_dlnotes.models.images import (
    Images,
    check_stages,
    halved,
    image_shape,
    preprocessed,
)


def vgg16(
    input_shape: Sequence[int] | None = None,
    classes: int = 1000,
    classifier_activation: str | Callable | None = "softmax",
    width: float = 1.0,
    batch_norm: bool = False,
    data_format: str | None = None,
) -> keras.Model:
    """Builds VGG-16: 13 convolutional and 3 dense layers, 138,357,544 weights.

    Layers, names and weights are those of `keras.applications.VGG16`, whose `get_weights` fit.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; height and width ≥ 32 for the five poolings. None is 224×224 pixels of RGB.
        classes: number of classes, ≥ 1.
        classifier_activation: of the last layer; None for logits.
        width: factor in (0, 4] for the number of filters and of hidden units.
        batch_norm: whether each convolution is followed by a batch normalization, and has no bias.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or if a block would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: VGG 16"; K. Simonyan, A. Zisserman, "Very Deep Convolutional
        Networks for Large-Scale Image Recognition", 2015, configuration D.

    Example:

    >>> model = vgg16((32, 32, 3), classes=10, width=1 / 16)
    >>> model.output_shape, model.count_params()
    ((None, 10), 134638)
    """
    images = image_shape(input_shape, data_format, default=(224, 224, 3))
    if number("width", width, 0, 4) == 0:
        raise argument_error("width", "a number in (0, 4]", width)
    filters, hidden = (
        tuple(max(1, round(count * width)) for count in full)
        for full in ((64, 128, 256, 512, 512), (4096, 4096))
    )
    return vgg(
        images.shape,  # type: ignore[arg-type]  # it is known
        classes,
        filters=filters,
        blocks=(2, 2, 3, 3, 3),
        hidden=hidden,
        classifier_activation=classifier_activation,
        batch_norm=batch_norm,
        name="vgg16",
        data_format=images.data_format,
    )


def vgg(
    input_shape: Sequence[int],
    classes: int,
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.0,
    classifier_activation: str | Callable | None = "softmax",
    batch_norm: bool = False,
    preprocessing: Sequence[keras.layers.Layer] = (),
    name: str = "vgg",
    data_format: str | None = None,
) -> keras.Model:
    """Builds a network of VGG's kind, of any depth: blocks of 3×3 convolutions, then dense layers.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; each ≥ 1.
        classes: number of classes, ≥ 1.
        filters: number of feature maps of each block, first to last.
        blocks: number of convolutions of each block; a 2×2 pooling follows.
        hidden: units of each dense layer before the classifier.
        dropout: fraction of the units dropped after each hidden dense layer, in [0, 1).
        classifier_activation: of the last layer; None for logits.
        batch_norm: whether each convolution is followed by a batch normalization, and has no bias.
        preprocessing: layers to apply to the images first.
        name: of the model.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or if a block would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: VGG 16".

    Example:

    >>> vgg((28, 28, 1), classes=10, filters=(8, 16), blocks=(1, 2), hidden=(32,)).output_shape
    (None, 10)
    """
    images = image_shape(input_shape, data_format)
    arguments.count("classes", classes)
    filters = arguments.counts("filters", filters)
    blocks = arguments.counts("blocks", blocks, together="sum")
    if len(blocks) != len(filters):
        raise argument_error("blocks", f"as many as filters, {len(filters)}", blocks)
    hidden = arguments.counts("hidden", hidden)
    fraction("dropout", dropout)
    arguments.activation("classifier_activation", classifier_activation)
    batch_norm = flag("batch_norm", batch_norm)
    arguments.model_name(name)
    inputs, outputs, images = preprocessed(images, preprocessing)
    lengths = check_stages(images, [("2×2 poolings", halved)] * len(filters))
    maps = (images.channels, *(each for each in filters for _ in range(2)))
    arguments.check_weights(
        ("input_shape", input_shape, maps[0]), ("filters", filters, *maps[1:]), taps=9
    )
    arguments.check_weights(
        ("input_shape", input_shape, prod(lengths) * maps[-1]),  # type: ignore[arg-type]  # lengths are known
        ("hidden", hidden, *hidden),
        ("classes", classes, classes),
    )

    for block, (count, depth) in enumerate(zip(filters, blocks, strict=True), start=1):
        for layer in range(1, depth + 1):
            outputs = _convolution(outputs, images, count, batch_norm, f"block{block}_conv{layer}")
        pool = layers.MaxPooling2D(2, data_format=images.data_format, name=f"block{block}_pool")
        outputs = pool(outputs)
    outputs = keras.layers.Flatten(images.data_format, name="flatten")(outputs)
    for layer, units in enumerate(hidden, start=1):
        outputs = keras.layers.Dense(units, activation="relu", name=f"fc{layer}")(outputs)
        if dropout:
            outputs = keras.layers.Dropout(dropout)(outputs)
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(outputs)
    return keras.Model(inputs, outputs, name=name)


def _convolution(inputs, images: Images, filters: int, batch_norm: bool, name: str):
    layer = layers.Conv2D(
        filters,
        3,
        padding=1,
        data_format=images.data_format,
        activation=None if batch_norm else "relu",
        use_bias=not batch_norm,
        name=name,
    )
    outputs = layer(inputs)
    if not batch_norm:
        return outputs
    outputs = layers.BatchNormalization(images.axis, name=f"{name}_bn")(outputs)
    return keras.layers.Activation("relu", name=f"{name}_relu")(outputs)
