"""U-Net: a contracting path, an expanding path, and connections across."""

from collections.abc import Callable, Sequence
from itertools import count

import keras
from keras import ops

from keras_dlnotes import layers
from keras_dlnotes.common.checks import argument_error, choice, flag, fraction, integer
from keras_dlnotes.models import arguments
from keras_dlnotes.models.channels import over_channels
from keras_dlnotes.models.images import Images, image_shape, preprocessed
from keras_dlnotes.ops.windows import spatial_axes

MOST_LEVELS = 30


def unet(
    input_shape: Sequence[int | None] | None = None,
    classes: int = 2,
    filters: int = 64,
    depth: int = 4,
    padding: str | int = "same",
    batch_norm: bool = False,
    dropout: float = 0.0,
    classifier_activation: str | Callable | None = "softmax",
    preprocessing: Sequence[keras.layers.Layer] = (),
    data_format: str | None = None,
) -> keras.Model:
    """Builds a network that classifies every pixel.

    Each of the `depth` levels of the contracting path applies two 3×3 convolutions and a 2×2
    pooling, and doubles the feature maps. The expanding path undoes the pooling by 2×2 transposed
    convolutions of stride 2, and joins the feature maps of the contracting path's same level.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; height and width may be None. None alone is grey images of any size.
        classes: number of classes, ≥ 1, the background included.
        filters: number of feature maps of the first level, ≥ 1.
        depth: number of poolings, ≥ 1.
        padding: "same" gives every pixel its class, whatever the size of the image. 0 is the paper:
            convolutions without padding, the feature maps cropped where they are joined, an output
            that is smaller than the input (572 → 388 for depth 4), and sizes such that no pooling
            loses a row.
        batch_norm: whether each 3×3 convolution is followed by a batch normalization.
        dropout: fraction of the values dropped at the end of the contracting path, in [0, 1).
        classifier_activation: of the last layer, over the classes; None for logits.
        preprocessing: layers to apply to the images first.
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, height', width', classes),
        or (batch, classes, height', width').

    Raises:
        ValueError: for an argument out of range; with padding 0, for a size that a stage shrinks
            below one pixel or whose pooling would lose a row, with the sizes that fit.

    Reference:
        Lecture notes, "CNN Models: U-Net (Skip Connection)", "Transposed Convolution";
        O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
        Segmentation", 2015.

    Example:

    >>> unet(filters=4, depth=2)(keras.ops.ones((1, 37, 50, 1))).shape == (1, 37, 50, 2)
    True
    >>> unet((572, 572, 1), filters=4, padding=0).output_shape
    (None, 388, 388, 2)
    """
    images = image_shape(input_shape, data_format, unknown=True, default=(None, None, 1))
    arguments.count("classes", classes)
    arguments.count("filters", filters)
    integer("depth", depth, minimum=1, maximum=MOST_LEVELS)
    choice("padding", padding, ("same", 0))
    batch_norm = flag("batch_norm", batch_norm)
    fraction("dropout", dropout)
    arguments.activation("classifier_activation", classifier_activation)
    inputs, tensor, images = preprocessed(images, preprocessing)
    if padding == 0:
        _check_unpadded(images, depth)
    _check_weights(images, classes, filters, depth)
    layout = {"data_format": images.data_format}

    def convolutions(tensor, level: int, name: str):
        for number in (1, 2):
            tensor = layers.Conv2D(
                filters * 2**level,
                3,
                padding=padding,
                kernel_initializer="he_normal",
                name=f"{name}_conv{number}",
                **layout,
            )(tensor)
            if batch_norm:
                tensor = layers.BatchNormalization(images.axis, name=f"{name}_bn{number}")(tensor)
            tensor = keras.layers.Activation("relu", name=f"{name}_relu{number}")(tensor)
        return tensor

    skips = []
    for level in range(depth):
        tensor = convolutions(tensor, level, f"down{level + 1}")
        skips.append(_dropped(tensor, dropout if level == depth - 1 else 0))
        # an odd row or column is pooled alone, not dropped
        pool = layers.MaxPooling2D(2, padding="same", name=f"down{level + 1}_pool", **layout)
        tensor = pool(skips[-1])
    tensor = _dropped(convolutions(tensor, depth, "bottom"), dropout)
    for level in reversed(range(depth)):
        name = f"up{level + 1}"
        upsampling = layers.Conv2DTranspose(
            filters * 2**level, 2, strides=2, name=f"{name}_conv0", **layout
        )
        tensor, skip = upsampling(tensor), skips[level]
        if padding == "same":
            tensor = CropToSize(name=f"{name}_crop", **layout)([tensor, skip])
        else:
            lost = _lost(depth, level) // 2
            skip = keras.layers.Cropping2D(lost, name=f"{name}_crop", **layout)(skip)
        tensor = keras.layers.Concatenate(images.axis, name=f"{name}_concat")([skip, tensor])
        tensor = convolutions(tensor, level, name)
    activation = over_channels(classifier_activation, images)
    classifier = layers.Conv2D(classes, 1, activation=activation, name="classes", **layout)
    return keras.Model(inputs, classifier(tensor), name="unet")


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class CropToSize(keras.layers.Layer):
    """Crops images to the height and width of others, at the end of rows and columns.

    Args:
        data_format: "channels_last", the default of older files, or "channels_first".

    Input shape:
        Images (batch, height, width, channels), and a reference (batch, height', width', any) with
        height' ≤ height and width' ≤ width; or both with their channels first.

    Output shape:
        (batch, height', width', channels), or (batch, channels, height', width').

    Example:

    >>> images, reference = keras.ops.ones((1, 6, 4, 3)), keras.ops.ones((1, 5, 4, 8))
    >>> CropToSize()([images, reference]).shape == (1, 5, 4, 3)
    True
    """

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format
        self._axes = spatial_axes(2, data_format)

    def call(self, inputs):
        images, reference = inputs
        sizes = ops.shape(reference)
        slices = [slice(None)] * 4
        for axis in self._axes:
            slices[axis] = slice(sizes[axis])
        return images[tuple(slices)]

    def compute_output_shape(self, input_shape):
        shape, reference = input_shape
        return tuple(
            reference[axis] if axis in self._axes else length for axis, length in enumerate(shape)
        )

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


def _dropped(tensor, rate: float):
    return keras.layers.Dropout(rate)(tensor) if rate else tensor


def _lost(depth: int, level: int) -> int:
    """Returns how many rows fewer the unpadded expanding path has than the contracting one.

    With n rows to concatenate, the level below gets n/2 and concatenates n/2 − 4 − lost. Two
    convolutions remove 4 of them, and the transposed convolution returns 2(n/2 − 8 − lost).
    """
    lost = 8  # twice what the bottom's two convolutions remove
    for _ in range(depth - 1 - level):
        lost = 2 * (lost + 8)
    return lost


def _check_weights(images: Images, classes: int, filters: int, depth: int) -> None:
    arguments.check_weights(
        ("input_shape", images.shape, images.channels),
        ("filters", filters, filters, filters),
        taps=9,
    )
    arguments.check_weights(("filters", filters, filters), ("classes", classes, classes))
    deepest = filters * 2**depth
    arguments.check_weights(("depth", depth, deepest, deepest), taps=9)


def _check_unpadded(images: Images, depth: int) -> None:
    """Raises if an unpadded stage leaves no pixel, or would pool an odd number of rows."""
    step = 2**depth  # between sizes whose poolings are all even: those that lack 4 of a multiple
    for length in images.lengths:
        problem = None if length is None else _misfit(length, depth)
        if length is not None and problem:
            even = count(length + (-4 - length) % step, step)
            larger = next(size for size in even if not _misfit(size, depth))
            smaller = larger - step
            fitting = f"{larger} or more" if _misfit(smaller, depth) else f"{smaller} or {larger}"
            expected = f"of heights and widths that fit {depth} unpadded levels, such as {fitting}"
            raise argument_error("input_shape", expected, images.shape, problem)


def _misfit(length: int, depth: int) -> str | None:
    """Returns which stage a length does not fit; None if it fits all of them."""
    for stage in range(1, 2 * depth + 2):
        convolved = length - 4
        if convolved < 1:
            return (
                f"Stage {stage} gets {length} pixels, and its two 3×3 convolutions shrink that "
                "below one pixel."
            )
        if stage <= depth and convolved % 2:
            return f"Stage {stage} would pool {convolved} pixels, an odd number."
        length = convolved // 2 if stage <= depth else convolved * 2
    return None
