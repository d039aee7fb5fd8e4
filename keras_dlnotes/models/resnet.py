"""Residual networks for images."""

from collections.abc import Callable, Sequence

import keras

from keras_dlnotes import layers
from keras_dlnotes.common.checks import argument_error, flag
from keras_dlnotes.models import arguments
from keras_dlnotes.models.images import Images, image_shape, preprocessed


def resnet(
    input_shape: Sequence[int | None],
    classes: int,
    filters: Sequence[int] = (16, 32, 64),
    blocks: Sequence[int] = (2, 2, 2),
    residual: bool = True,
    classifier_activation: str | Callable | None = "softmax",
    batch_norm: bool = True,
    kernel_initializer: str | Callable = "he_normal",
    preprocessing: Sequence[keras.layers.Layer] = (),
    name: str = "resnet",
    data_format: str | None = None,
) -> keras.Model:
    """Builds a residual network of 2·Σ blocks + 2 layers, the kind for small images.

    A block is y = φ(F(x) + x), where F is two 3×3 convolutions with batch normalization and a
    detector φ between them. Where the shape changes, a 1×1 convolution of x takes the place of x.
    Every stage after the first halves height and width, rounded up, in its first convolution.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; height and width may be None.
        classes: number of classes, ≥ 1.
        filters: number of feature maps of each stage, first to last.
        blocks: number of blocks of each stage.
        residual: whether x is added; without it, this is the plain network to compare with.
        classifier_activation: of the last layer; None for logits.
        batch_norm: whether each convolution is followed by a batch normalization, and has no bias.
        kernel_initializer: of every 3×3 convolution.
        preprocessing: layers to apply to the images first.
        name: of the model.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, classes).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Improving the Efficiency of CNN: Residual Connection"; K. He, X. Zhang,
        S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", 2016, section 4.2.

    Example:

    >>> model = resnet((32, 32, 3), classes=10, blocks=(3, 3, 3))  # ResNet-20
    >>> model.output_shape, round(model.count_params() / 1e6, 2)
    ((None, 10), 0.27)
    """
    images = image_shape(input_shape, data_format, unknown=True)
    arguments.count("classes", classes)
    filters = arguments.counts("filters", filters, fewest=1)
    blocks = arguments.counts("blocks", blocks, together="sum")
    if len(blocks) != len(filters):
        raise argument_error("blocks", f"as many as filters, {len(filters)}", blocks)
    residual = flag("residual", residual)
    arguments.activation("classifier_activation", classifier_activation)
    batch_norm = flag("batch_norm", batch_norm)
    arguments.initializer("kernel_initializer", kernel_initializer)
    arguments.model_name(name)
    inputs, outputs, images = preprocessed(images, preprocessing)
    maps = [each for each in filters for _ in range(2)]
    arguments.check_weights(
        ("input_shape", input_shape, images.channels), ("filters", filters, *maps), taps=9
    )
    arguments.check_weights(("filters", filters, filters[-1]), ("classes", classes, classes))

    options = images, batch_norm, kernel_initializer
    outputs = _convolution(outputs, filters[0], 1, *options, "stem")
    outputs = keras.layers.Activation("relu", name="stem_relu")(outputs)
    for stage, (count, depth) in enumerate(zip(filters, blocks, strict=True), start=1):
        for block in range(1, depth + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            outputs = _block(
                outputs, count, strides, residual, *options, f"stage{stage}_block{block}"
            )
    average = keras.layers.GlobalAveragePooling2D(images.data_format, name="average")
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(
        average(outputs)
    )
    return keras.Model(inputs, outputs, name=name)


def _block(inputs, filters, strides, residual, images, batch_norm, kernel_initializer, name):
    options = images, batch_norm, kernel_initializer
    outputs = _convolution(inputs, filters, strides, *options, f"{name}_1")
    outputs = keras.layers.Activation("relu", name=f"{name}_1_relu")(outputs)
    outputs = _convolution(outputs, filters, 1, *options, f"{name}_2")
    if residual:
        shortcut = inputs
        if strides > 1 or inputs.shape[images.axis] != filters:
            shortcut = layers.Conv2D(
                filters,
                1,
                strides=strides,
                data_format=images.data_format,
                use_bias=not batch_norm,
                name=f"{name}_shortcut",
            )(inputs)
            if batch_norm:
                shortcut = _normalization(images, f"{name}_shortcut_bn")(shortcut)
        outputs = keras.layers.Add(name=f"{name}_add")([outputs, shortcut])
    return keras.layers.Activation("relu", name=f"{name}_relu")(outputs)


def _convolution(inputs, filters, strides, images, batch_norm, kernel_initializer, name):
    """3×3 with a padding of 1, so that at stride 2 the windows are centred on every other pixel."""
    outputs = layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding=1,
        data_format=images.data_format,
        use_bias=not batch_norm,
        kernel_initializer=kernel_initializer,
        name=f"{name}_conv",
    )(inputs)
    return _normalization(images, f"{name}_bn")(outputs) if batch_norm else outputs


def _normalization(images: Images, name: str) -> layers.BatchNormalization:
    return layers.BatchNormalization(images.axis, name=name)
