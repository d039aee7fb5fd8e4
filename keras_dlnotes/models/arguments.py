"""Checks of the builders' arguments, before any layer is built.

By default, a number of values or of weights is at most 2³¹ − 1, which are 8 GB in float32. Larger
ones are refused here, rather than by a failed allocation.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error, integer, is_integer, is_sequence

MOST = 2**31 - 1
MOST_LAYERS = 1024
MOST_STEPS = 2**20  # of a generated sequence
MOST_PADDING = 2**16
MOST_AXES = 63  # NumPy's arrays have 64, the batch included


def count(name: str, value: Any, minimum: int = 1) -> int:
    """Returns a number of units, of feature maps, of classes, or raises."""
    return integer(name, value, minimum, MOST)


def counts(
    name: str, value: Any, fewest: int = 0, most: int = MOST_LAYERS, together: str = "values"
) -> tuple[int, ...]:
    """Returns a list of such numbers, or raises.

    Args:
        name: of the argument.
        value: what the caller passed.
        fewest: minimum number of entries.
        most: maximum number of entries.
        together: "product" or "sum" bounds that of the entries, by `MOST` or by `MOST_LAYERS`;
            "values" bounds each one alone.
    """
    if (
        not is_sequence(value)
        or not fewest <= len(value) <= most
        or not all(is_integer(entry) and 1 <= entry <= MOST for entry in value)
    ):
        expected = f"a list of {fewest} to {most} integers, each ≥ 1 and ≤ {MOST}"
        raise argument_error(name, expected, value)
    numbers = tuple(int(entry) for entry in value)
    if together == "sum" and sum(numbers) > MOST_LAYERS:
        raise argument_error(name, f"integers with a sum ≤ {MOST_LAYERS}", value)
    if together == "product" and prod(numbers) > MOST:
        raise argument_error(name, f"integers with a product ≤ {MOST}", value)
    return numbers


def example_shape(value: Any) -> tuple[int, ...]:
    """Returns the lengths of an example of any number of axes, or raises."""
    return counts("input_shape", value, fewest=1, most=MOST_AXES, together="product")


def activation(name: str, value: Any) -> Any:
    """Returns the value if Keras accepts it as an activation, or raises."""
    try:
        keras.activations.get(value)
    except (ValueError, TypeError) as cause:
        expected = "None, the name of one of `keras.activations` or a function"
        raise argument_error(name, expected, value) from cause
    return value


def initializer(name: str, value: Any) -> Any:
    """Returns the value if Keras accepts it as an initializer, or raises."""
    try:
        keras.initializers.get(value)
    except (ValueError, TypeError) as cause:
        expected = "the name of one of `keras.initializers`, or one of them"
        raise argument_error(name, expected, value) from cause
    return value


def layer_list(name: str, value: Any) -> Sequence[keras.Layer]:
    """Returns a list of layers, or raises."""
    if not is_sequence(value) or not all(isinstance(layer, keras.Layer) for layer in value):
        raise argument_error(name, "a list of layers", value)
    return value


def model_name(value: Any) -> str | None:
    """Returns the value if Keras accepts it as a model's name, or raises."""
    if value is not None and not (isinstance(value, str) and value and "/" not in value):
        raise argument_error("name", "a name without a slash, or None", value)
    return value


def check_weights(*widths: tuple, taps: int = 1, kernel: tuple[str, Any] = ("", None)) -> None:
    """Raises if a kernel from one width to the next has more than `MOST` weights.

    Args:
        widths: those of the layers, first to last, after the name and the value of the argument
            that sets them: ("hidden", (64, 32), 64, 32).
        taps: the number of elements of a window, or of gates.
        kernel: the name and the value of the argument that sets the taps, if there is one.
    """
    chain = [(width, name, given) for name, given, *those in widths for width in those]
    for before, after in pairwise(chain):
        if taps * before[0] * after[0] > MOST:
            candidates = [after, before, (taps if kernel[0] else 0, *kernel)]
            _, name, given = max(candidates, key=lambda candidate: candidate[0])
            sizes = "×".join(str(size) for size in (taps, before[0], after[0]) if size > 1)
            expected = f"such that no layer has more than {MOST} weights"
            raise argument_error(name, expected, given, f"One would have {sizes}.")
