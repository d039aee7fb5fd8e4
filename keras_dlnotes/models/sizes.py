"""What the image models share: checks of sizes, and layers that the caller puts in front."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras

from keras_dlnotes.checks import argument_error, integer, is_integer

Lengths = tuple[int | None, ...]


def image_shape(value: Any, unknown: bool = False) -> tuple[int | None, int | None, int]:
    """Returns (height, width, channels), each ≥ 1, or raises.

    Args:
        value: what the caller gave as `input_shape`.
        unknown: whether height and width may be None.
    """
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
    optional = (None,) if unknown else ()
    if (
        not is_sequence
        or len(value) != 3
        or not all(_is_length(length) or length in optional for length in value[:2])
        or not _is_length(value[2])
    ):
        expected = "(height, width, channels), integers ≥ 1"
        if unknown:
            expected += "; height and width may be None"
        raise argument_error("input_shape", expected, value)
    return tuple(None if length is None else int(length) for length in value)


def _is_length(value: Any) -> bool:
    return is_integer(value) and value >= 1


def counts(name: str, value: Any, minimum: int = 1) -> tuple[int, ...]:
    """Returns any number of integers ≥ `minimum`, or raises."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise argument_error(name, f"a list of integers ≥ {minimum}", value)
    return tuple(integer(name, entry, minimum) for entry in value)


def check_stages(
    input_shape: Sequence[int | None], stages: Iterable[tuple[str, Callable[[Lengths], Lengths]]]
) -> None:
    """Raises where a stage would leave less than one pixel, and says which.

    Args:
        input_shape: (height, width, channels).
        stages: of each, what it does ("pooling (2, 2)"), and its output lengths for the input
            lengths; a ValueError of it means that there are none.
    """
    stages = list(stages)
    lengths = tuple(input_shape[:2])
    for number, (what, lengths_after) in enumerate(stages, start=1):
        before = lengths
        try:
            lengths = lengths_after(before)
        except ValueError:
            raise argument_error(
                "input_shape",
                f"large enough for {len(stages)} stages",
                tuple(input_shape),
                f"Stage {number} gets {'×'.join(map(str, before))} pixels, and its {what} shrink "
                "that below one pixel.",
            ) from None


def preprocessed(inputs, preprocessing: Sequence[keras.layers.Layer]):
    """Applies the caller's layers one after the other."""
    for layer in preprocessing:
        inputs = layer(inputs)
    return inputs
