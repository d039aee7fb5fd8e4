"""DenseNet: every layer of a block gets the feature maps of all layers before it."""

from collections.abc import Callable, Sequence

import keras

from keras_dlnotes import layers
from keras_dlnotes.checks import argument_error, choice, fraction, integer
from keras_dlnotes.models.sizes import check_stages, counts, image_shape, preprocessed
from keras_dlnotes.ops.windows import output_length

EPSILON = 1.001e-5  # that of the published weights


def densenet121(
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int = 1000,
    classifier_activation: str | Callable | None = "softmax",
) -> keras.Model:
    """Builds DenseNet-121, with 8,062,504 weights for 1,000 classes of RGB images.

    Layers, names and weights are those of `keras.applications.DenseNet121`, whose `get_weights`
    fit. In training, batch normalization takes the notes' moving deviation.

    Args:
        input_shape: (height, width, channels); height and width ≥ 29, or None.
        classes: number of classes, ≥ 1.
        classifier_activation: of the last layer; None for logits.

    Returns:
        An uncompiled functional model, (batch, height, width, channels) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or where a stage would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: DenseNet (Dense Connection)"; G. Huang, Z. Liu,
        L. van der Maaten, K. Q. Weinberger, "Densely Connected Convolutional Networks", 2017.

    Example:

    >>> densenet121(classes=10).output_shape
    (None, 10)
    """
    return densenet(
        input_shape, classes, classifier_activation=classifier_activation, name="densenet121"
    )


def densenet(
    input_shape: Sequence[int | None],
    classes: int,
    blocks: Sequence[int] = (6, 12, 24, 16),
    growth_rate: int = 32,
    compression: float = 0.5,
    bottleneck: bool = True,
    dropout: float = 0.0,
    stem: str = "large",
    classifier_activation: str | Callable | None = "softmax",
    preprocessing: Sequence[keras.layers.Layer] = (),
    name: str = "densenet",
) -> keras.Model:
    """Builds a densely connected network: dense blocks with transitions between them.

    Layer l of a block computes x_l = H([x_0, x_1, …, x_{l−1}]), k feature maps of all that are
    before it; H is batch normalization, detector and 3×3 convolution. A transition keeps the
    fraction θ of the feature maps and halves height and width, rounded down.

    Args:
        input_shape: (height, width, channels); height and width may be None.
        classes: number of classes, ≥ 1.
        blocks: number of layers of each dense block, first to last.
        growth_rate: k ≥ 1.
        compression: θ in (0, 1].
        bottleneck: whether a 1×1 convolution reduces the feature maps to 4k before the 3×3.
        dropout: fraction of the values dropped after each layer of a block, in [0, 1).
        stem: "large", for photographs: a 7×7 convolution and a pooling, both of stride 2; "small",
            for images such as MNIST's: a 3×3 convolution.
        classifier_activation: of the last layer; None for logits.
        preprocessing: layers that the images go through first.
        name: of the model.

    Returns:
        An uncompiled functional model, (batch, height, width, channels) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or where a stage would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: DenseNet (Dense Connection)".

    Example:

    >>> model = densenet((28, 28, 1), classes=10, blocks=(3, 3), growth_rate=8, stem="small")
    >>> model.output_shape, model.count_params()
    ((None, 10), 21938)
    """
    input_shape = image_shape(input_shape, unknown=True)
    integer("classes", classes, minimum=1)
    blocks = counts("blocks", blocks)
    if not blocks:
        raise argument_error("blocks", "one number a block, and at least one", blocks)
    integer("growth_rate", growth_rate, minimum=1)
    is_number = isinstance(compression, int | float) and not isinstance(compression, bool)
    if not (is_number and 0 < compression <= 1):
        raise argument_error("compression", "a number in (0, 1]", compression)
    fraction("dropout", dropout)
    choice("stem", stem, ("large", "small"))
    stages = [("convolution and pooling", _after_large_stem)] if stem == "large" else []
    stages += [("2×2 poolings", _after_transition)] * (len(blocks) - 1)
    check_stages(input_shape, stages)

    inputs = keras.Input(input_shape)
    outputs = preprocessed(inputs, preprocessing)
    kernel_size, strides, padding = (7, 2, 3) if stem == "large" else (3, 1, 1)
    outputs = layers.Conv2D(
        2 * growth_rate,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=False,
        name="conv1_conv",
    )(outputs)
    if stem == "large":
        outputs = _normalized(outputs, "conv1_bn", "conv1_relu")
        outputs = layers.MaxPooling2D(3, strides=2, padding=1, name="pool1")(outputs)
    for number, depth in enumerate(blocks, start=2):
        if number > 2:
            outputs = _transition(outputs, compression, f"pool{number - 1}")
        for layer in range(1, depth + 1):
            branch = _layer(outputs, growth_rate, bottleneck, f"conv{number}_block{layer}")
            if dropout:
                branch = keras.layers.Dropout(dropout)(branch)
            concatenation = keras.layers.Concatenate(name=f"conv{number}_block{layer}_concat")
            outputs = concatenation([outputs, branch])
    outputs = _normalized(outputs, "bn", "relu")
    outputs = keras.layers.GlobalAveragePooling2D(name="avg_pool")(outputs)
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(outputs)
    return keras.Model(inputs, outputs, name=name)


def _layer(inputs, growth_rate: int, bottleneck: bool, name: str):
    """H: batch normalization, detector and convolution; with a bottleneck, twice."""
    outputs = _normalized(inputs, f"{name}_0_bn", f"{name}_0_relu")
    if bottleneck:
        outputs = layers.Conv2D(4 * growth_rate, 1, use_bias=False, name=f"{name}_1_conv")(outputs)
        outputs = _normalized(outputs, f"{name}_1_bn", f"{name}_1_relu")
    return layers.Conv2D(growth_rate, 3, padding=1, use_bias=False, name=f"{name}_2_conv")(outputs)


def _transition(inputs, compression: float, name: str):
    outputs = _normalized(inputs, f"{name}_bn", f"{name}_relu")
    filters = max(1, int(inputs.shape[-1] * compression))
    outputs = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_conv")(outputs)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(outputs)


def _normalized(inputs, name: str, detector_name: str):
    outputs = layers.BatchNormalization(epsilon=EPSILON, name=name)(inputs)
    return keras.layers.Activation("relu", name=detector_name)(outputs)


def _after_large_stem(lengths):
    return tuple(
        output_length(output_length(length, 7, 3, stride=2), 3, 1, stride=2) for length in lengths
    )


def _after_transition(lengths):
    return tuple(output_length(length, 2, stride=2) for length in lengths)
