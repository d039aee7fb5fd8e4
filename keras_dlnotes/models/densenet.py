"""DenseNet: every layer of a block gets the feature maps of all layers before it."""

from collections.abc import Callable, Sequence

import keras

from keras_dlnotes import layers
from keras_dlnotes.common.checks import argument_error, choice, flag, fraction, number
from keras_dlnotes.models import arguments
from keras_dlnotes.models.images import Images, check_stages, halved, image_shape, preprocessed
from keras_dlnotes.ops.windows import output_length

EPSILON = 1.001e-5  # that of the published weights


def densenet121(
    input_shape: Sequence[int | None] | None = None,
    classes: int = 1000,
    classifier_activation: str | Callable | None = "softmax",
    data_format: str | None = None,
) -> keras.Model:
    """Builds DenseNet-121, with 8,062,504 weights for 1,000 classes of RGB images.

    Layers, names and weights are those of `keras.applications.DenseNet121`, whose `get_weights`
    fit. In training, batch normalization takes the notes' moving deviation.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; height and width ≥ 29, or None. None alone is 224×224 pixels of RGB.
        classes: number of classes, ≥ 1.
        classifier_activation: of the last layer; None for logits.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or if a stage would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: DenseNet (Dense Connection)"; G. Huang, Z. Liu,
        L. van der Maaten, K. Q. Weinberger, "Densely Connected Convolutional Networks", 2017.

    Example:

    >>> densenet121(classes=10).output_shape
    (None, 10)
    """
    images = image_shape(input_shape, data_format, unknown=True, default=(224, 224, 3))
    return densenet(
        images.shape,
        classes,
        classifier_activation=classifier_activation,
        name="densenet121",
        data_format=images.data_format,
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
    data_format: str | None = None,
) -> keras.Model:
    """Builds a densely connected network: dense blocks with transitions between them.

    Layer l of a block computes x_l = H([x_0, x_1, …, x_{l−1}]), k feature maps of all that are
    before it; H is batch normalization, detector and 3×3 convolution. A transition keeps the
    fraction θ of the feature maps and halves height and width, rounded down.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; height and width may be None.
        classes: number of classes, ≥ 1.
        blocks: number of layers of each dense block, first to last.
        growth_rate: k ≥ 1.
        compression: θ in (0, 1].
        bottleneck: whether a 1×1 convolution reduces the feature maps to 4k before the 3×3.
        dropout: fraction of the values dropped after each layer of a block, in [0, 1).
        stem: "large", for photographs: a 7×7 convolution and a pooling, both of stride 2; "small",
            for images such as MNIST's: a 3×3 convolution.
        classifier_activation: of the last layer; None for logits.
        preprocessing: layers to apply to the images first.
        name: of the model.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, classes).

    Raises:
        ValueError: for an argument out of range, or if a stage would shrink the image below
            one pixel; the message says which.

    Reference:
        Lecture notes, "CNN Models: DenseNet (Dense Connection)".

    Example:

    >>> model = densenet((28, 28, 1), classes=10, blocks=(3, 3), growth_rate=8, stem="small")
    >>> model.output_shape, model.count_params()
    ((None, 10), 21938)
    """
    images = image_shape(input_shape, data_format, unknown=True)
    arguments.count("classes", classes)
    blocks = arguments.counts("blocks", blocks, fewest=1, together="sum")
    arguments.count("growth_rate", growth_rate)
    if number("compression", compression, 0, 1) == 0:
        raise argument_error("compression", "a number in (0, 1]", compression)
    bottleneck = flag("bottleneck", bottleneck)
    fraction("dropout", dropout)
    choice("stem", stem, ("large", "small"))
    arguments.activation("classifier_activation", classifier_activation)
    arguments.model_name(name)
    inputs, outputs, images = preprocessed(images, preprocessing)
    stages = [("convolution and pooling", _after_large_stem)] if stem == "large" else []
    check_stages(images, stages + [("2×2 poolings", halved)] * (len(blocks) - 1))
    _check_weights(input_shape, images, blocks, growth_rate, bottleneck, stem, classes)

    kernel_size, strides, padding = (7, 2, 3) if stem == "large" else (3, 1, 1)
    outputs = layers.Conv2D(
        2 * growth_rate,
        kernel_size,
        strides=strides,
        padding=padding,
        data_format=images.data_format,
        use_bias=False,
        name="conv1_conv",
    )(outputs)
    if stem == "large":
        outputs = _normalized(outputs, images, "conv1_bn", "conv1_relu")
        outputs = layers.MaxPooling2D(
            3, strides=2, padding=1, data_format=images.data_format, name="pool1"
        )(outputs)
    for stage, depth in enumerate(blocks, start=2):
        if stage > 2:
            outputs = _transition(outputs, images, compression, f"pool{stage - 1}")
        for layer in range(1, depth + 1):
            prefix = f"conv{stage}_block{layer}"
            branch = _layer(outputs, images, growth_rate, bottleneck, prefix)
            if dropout:
                branch = keras.layers.Dropout(dropout)(branch)
            concatenation = keras.layers.Concatenate(images.axis, name=f"{prefix}_concat")
            outputs = concatenation([outputs, branch])
    outputs = _normalized(outputs, images, "bn", "relu")
    average = keras.layers.GlobalAveragePooling2D(images.data_format, name="avg_pool")
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(
        average(outputs)
    )
    return keras.Model(inputs, outputs, name=name)


def _layer(inputs, images: Images, growth_rate: int, bottleneck: bool, name: str):
    """H: batch normalization, detector and convolution; with a bottleneck, twice."""
    outputs = _normalized(inputs, images, f"{name}_0_bn", f"{name}_0_relu")
    if bottleneck:
        outputs = _convolution(outputs, images, 4 * growth_rate, 1, f"{name}_1_conv")
        outputs = _normalized(outputs, images, f"{name}_1_bn", f"{name}_1_relu")
    return _convolution(outputs, images, growth_rate, 3, f"{name}_2_conv")


def _transition(inputs, images: Images, compression: float, name: str):
    outputs = _normalized(inputs, images, f"{name}_bn", f"{name}_relu")
    filters = max(1, int(inputs.shape[images.axis] * compression))
    outputs = _convolution(outputs, images, filters, 1, f"{name}_conv")
    pool = layers.AveragePooling2D(2, data_format=images.data_format, name=f"{name}_pool")
    return pool(outputs)


def _convolution(inputs, images: Images, filters: int, kernel_size: int, name: str):
    layer = layers.Conv2D(
        filters,
        kernel_size,
        padding=kernel_size // 2,
        data_format=images.data_format,
        use_bias=False,
        name=name,
    )
    return layer(inputs)


def _normalized(inputs, images: Images, name: str, detector_name: str):
    outputs = layers.BatchNormalization(images.axis, epsilon=EPSILON, name=name)(inputs)
    return keras.layers.Activation("relu", name=detector_name)(outputs)


def _after_large_stem(lengths):
    return tuple(
        output_length(output_length(length, 7, 3, stride=2), 3, 1, stride=2) for length in lengths
    )


def _check_weights(input_shape, images, blocks, growth_rate, bottleneck, stem, classes) -> None:
    arguments.check_weights(
        ("input_shape", input_shape, images.channels),
        ("growth_rate", growth_rate, 2 * growth_rate),
        taps=49 if stem == "large" else 9,
    )
    # the last layer sees the most feature maps, where no transition leaves any out
    most = (2 + sum(blocks)) * growth_rate
    arguments.check_weights(
        ("blocks", blocks, most),
        ("growth_rate", growth_rate, (4 if bottleneck else 1) * growth_rate),
        taps=1 if bottleneck else 9,
    )
    arguments.check_weights(("growth_rate", growth_rate, most), ("classes", classes, classes))
