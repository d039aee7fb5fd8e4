"""VGG: blocks of 3×3 convolutions with a pooling after each."""

from collections.abc import Callable, Sequence

import keras

from keras_dlnotes import layers
from keras_dlnotes.checks import argument_error, fraction, integer
from keras_dlnotes.models.sizes import check_stages, counts, image_shape, preprocessed
from keras_dlnotes.ops.windows import output_length


def vgg16(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    classifier_activation: str | Callable | None = "softmax",
    width: float = 1.0,
    batch_norm: bool = False,
) -> keras.Model:
    """Builds VGG-16: 13 convolutional and 3 dense layers, 138,357,544 weights.

    Layers, names and weights are those of `keras.applications.VGG16`, whose `get_weights` fit.

    Args:
        input_shape: (height, width, channels); height and width ≥ 32 for the five poolings.
        classes: number of classes, ≥ 1.
        classifier_activation: of the last layer; None for logits.
        width: factor > 0 for the number of filters and of hidden units.
        batch_norm: whether each convolution is followed by a batch normalization, and has no bias.

    Returns:
        An uncompiled functional model, (batch, height, width, channels) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or where a block would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: VGG 16"; K. Simonyan, A. Zisserman, "Very Deep Convolutional
        Networks for Large-Scale Image Recognition", 2015, configuration D.

    Example:

    >>> model = vgg16((32, 32, 3), classes=10, width=1 / 16)
    >>> model.output_shape, model.count_params()
    ((None, 10), 134638)
    """
    if isinstance(width, bool) or not isinstance(width, int | float) or not width > 0:
        raise argument_error("width", "a number > 0", width)
    filters, hidden = (
        tuple(max(1, round(count * width)) for count in full)
        for full in ((64, 128, 256, 512, 512), (4096, 4096))
    )
    return vgg(
        input_shape,
        classes,
        filters=filters,
        blocks=(2, 2, 3, 3, 3),
        hidden=hidden,
        classifier_activation=classifier_activation,
        batch_norm=batch_norm,
        name="vgg16",
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
) -> keras.Model:
    """Builds a network of VGG's kind, of any depth: blocks of 3×3 convolutions, then dense layers.

    Args:
        input_shape: (height, width, channels), each ≥ 1.
        classes: number of classes, ≥ 1.
        filters: number of feature maps of each block, first to last.
        blocks: number of convolutions of each block; a 2×2 pooling follows.
        hidden: units of each dense layer before the classifier.
        dropout: fraction of the units dropped after each hidden dense layer, in [0, 1).
        classifier_activation: of the last layer; None for logits.
        batch_norm: whether each convolution is followed by a batch normalization, and has no bias.
        preprocessing: layers that the images go through first.
        name: of the model.

    Returns:
        An uncompiled functional model, (batch, height, width, channels) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or where a block would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: VGG 16".

    Example:

    >>> vgg((28, 28, 1), classes=10, filters=(8, 16), blocks=(1, 2), hidden=(32,)).output_shape
    (None, 10)
    """
    input_shape = image_shape(input_shape)
    integer("classes", classes, minimum=1)
    filters, blocks, hidden = (
        counts(argument, value)
        for argument, value in (("filters", filters), ("blocks", blocks), ("hidden", hidden))
    )
    if len(blocks) != len(filters):
        raise argument_error("blocks", f"as many as filters, {len(filters)}", blocks)
    fraction("dropout", dropout)
    check_stages(input_shape, [("2×2 poolings", _halved)] * len(filters))

    inputs = keras.Input(input_shape)
    outputs = preprocessed(inputs, preprocessing)
    for block, (count, depth) in enumerate(zip(filters, blocks, strict=True), start=1):
        for number in range(1, depth + 1):
            outputs = _convolution(outputs, count, batch_norm, f"block{block}_conv{number}")
        outputs = layers.MaxPooling2D(2, name=f"block{block}_pool")(outputs)
    outputs = keras.layers.Flatten(name="flatten")(outputs)
    for number, units in enumerate(hidden, start=1):
        outputs = keras.layers.Dense(units, activation="relu", name=f"fc{number}")(outputs)
        if dropout:
            outputs = keras.layers.Dropout(dropout)(outputs)
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(outputs)
    return keras.Model(inputs, outputs, name=name)


def _convolution(inputs, filters: int, batch_norm: bool, name: str):
    if not batch_norm:
        return layers.Conv2D(filters, 3, padding=1, activation="relu", name=name)(inputs)
    outputs = layers.Conv2D(filters, 3, padding=1, use_bias=False, name=name)(inputs)
    outputs = layers.BatchNormalization(name=f"{name}_bn")(outputs)
    return keras.layers.Activation("relu", name=f"{name}_relu")(outputs)


def _halved(lengths):
    return tuple(output_length(length, 2, stride=2) for length in lengths)
