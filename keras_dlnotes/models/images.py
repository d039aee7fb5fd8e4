"""What the image models share: layouts, checks of sizes, and the caller's preprocessing."""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import keras

from keras_dlnotes.common.checks import argument_error, is_integer, is_sequence
from keras_dlnotes.layers.layout import in_layout
from keras_dlnotes.models.arguments import MOST, layer_list
from keras_dlnotes.ops.windows import output_length, standardize_data_format

Lengths = tuple[int | None, ...]


class Images(NamedTuple):
    """The shape of an image, and its layout.

    Args:
        shape: (height, width, channels), or (channels, height, width).
        data_format: "channels_last" or "channels_first".
    """

    shape: Lengths
    data_format: str

    @property
    def axis(self) -> int:
        """The axis of a batch that the channels are on."""
        return 1 if self.data_format == "channels_first" else -1

    @property
    def lengths(self) -> Lengths:
        """(height, width)."""
        return self.shape[1:] if self.data_format == "channels_first" else self.shape[:2]

    @property
    def channels(self) -> int:
        """The number of channels."""
        # `image_shape` and `preprocessed` leave it known
        return self.shape[0 if self.data_format == "channels_first" else -1]  # type: ignore[return-value]


def image_shape(
    value: Any, data_format: str | None, unknown: bool = False, default: Lengths | None = None
) -> Images:
    """Returns the images that a model takes, or raises.

    Args:
        value: what the caller gave as `input_shape`.
        data_format: what the caller gave as `data_format`; None is Keras's setting.
        unknown: whether height and width may be None.
        default: (height, width, channels) for a value of None.
    """
    data_format = standardize_data_format(data_format)
    if value is None and default is not None:
        value = in_layout((None, *default), data_format)[1:]
    images = Images(tuple(value) if is_sequence(value) else (), data_format)
    if (
        len(images.shape) != 3
        or not _is_length(images.channels)
        or not all(_is_length(length) or (unknown and length is None) for length in images.lengths)
    ):
        _, *names = in_layout(("batch", "height", "width", "channels"), data_format)
        expected = f"({', '.join(names)}), integers ≥ 1"
        if unknown:
            expected += "; height and width may be None"
        raise argument_error("input_shape", expected, value, f"`data_format` is {data_format!r}.")
    if prod(length or 1 for length in images.shape) > MOST:
        raise argument_error("input_shape", f"integers with a product ≤ {MOST}", value)
    return images._replace(shape=tuple(length and int(length) for length in images.shape))


def _is_length(value: Any) -> bool:
    return is_integer(value) and value >= 1


def preprocessed(
    images: Images, preprocessing: Sequence[keras.Layer]
) -> tuple[keras.KerasTensor, keras.KerasTensor, Images]:
    """Returns a model's input, the output of the caller's layers, and its shape."""
    inputs = outputs = keras.Input(images.shape)
    for layer in layer_list("preprocessing", preprocessing):
        outputs = layer(outputs)
    after = images._replace(shape=tuple(outputs.shape[1:]))
    is_open = None in after.shape and None not in images.shape
    if len(after.shape) != 3 or after.channels is None or is_open:
        expected = f"layers from images {images.shape} to images, of known sizes"
        raise argument_error("preprocessing", expected, list(preprocessing))
    return inputs, outputs, after


def check_stages(
    images: Images, stages: Iterable[tuple[str, Callable[[Lengths], Lengths]]]
) -> Lengths:
    """Returns (height, width) after all stages, or raises if one leaves less than one pixel.

    Args:
        images: the input of the first stage.
        stages: for each, what it does ("pooling (2, 2)"), and a function of its input lengths
            that returns its output lengths, or raises a ValueError if there are none.
    """
    stages = list(stages)
    lengths = images.lengths
    for number, (what, lengths_after) in enumerate(stages, start=1):
        before = lengths
        try:
            lengths = lengths_after(before)
        except ValueError:
            raise argument_error(
                "input_shape",
                f"large enough for {len(stages)} stages",
                images.shape,
                f"Stage {number} gets {'×'.join(map(str, before))} pixels, and its {what} shrink "
                f"that below one pixel. `data_format` is {images.data_format!r}.",
            ) from None
    return lengths


def halved(lengths: Lengths) -> Lengths:
    """Returns height and width after a 2×2 pooling of stride 2."""
    return tuple(output_length(length, 2, stride=2) for length in lengths)
