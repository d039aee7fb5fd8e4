"""Wrong values by the kind of argument, and the demand that a refusal names the argument.

A test lists, for each public function, a call that is right and the values that each of its
arguments has to refuse; every one of them is tried in the place of the right one.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.typed import refusal

NOTHING = (None, object())
TEXTS = ("three", "", b"3", "3")
NUMBERS = (3, 2.5, True)
UNREAL = (float("nan"), float("inf"), -float("inf"), 1j)
LISTS = ([], [1, 2], {"a": 1}, np.zeros(2))

COUNT = (*NOTHING, *TEXTS, *UNREAL, *LISTS, 0, -1, 1.0, 2.5, True)  # an integer ≥ 1
INDEX = (*NOTHING, *TEXTS, *UNREAL, *LISTS, -1, 1.0, 2.5, True)  # an integer ≥ 0
NUMBER = (*NOTHING, *TEXTS, *UNREAL, *LISTS, True)  # a finite one
NOT_NEGATIVE = (*NUMBER, -0.5, -(2**40))
FRACTION = (*NOT_NEGATIVE, 1.5, 2**40)
TEXT = (*NOTHING, *NUMBERS, *UNREAL, b"text", ["text"], np.zeros(2))
FLAG = (*NOTHING, *TEXTS, *UNREAL, *LISTS, 0, 1, 2.5)
CHOICE = (*NOTHING, *TEXTS, *NUMBERS, *UNREAL, *LISTS)
MAPPING = (*NOTHING, *TEXTS, *NUMBERS, *UNREAL, [], [1, 2], np.zeros(2))
CALLABLE = (*NOTHING, *TEXTS, *NUMBERS, *UNREAL, *LISTS)
PATH = (*NOTHING, *NUMBERS, *UNREAL, "", b"folder", ["folder"], "a\0b", np.zeros(2))
ARRAY = (
    *NOTHING,
    *TEXTS,
    *UNREAL,
    [],
    {"a": 1},
    np.zeros((0, 3)),
    np.array([1j, 2]),
    np.array(["a", "b"]),
    np.array([None, 1]),
    np.array([object(), object()]),
    np.array(["2020-01-01"], "datetime64[D]"),
    [[1, 2], [3]],
)


def models() -> tuple[Any, ...]:
    """What is no built model."""
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    return (*NOTHING, *TEXTS, *NUMBERS, *LISTS, keras.layers.Dense(2), keras.Sequential, unbuilt)


def without(values: Iterable[Any], *allowed: Any) -> tuple[Any, ...]:
    """The values but those that this argument takes."""

    def is_allowed(value):
        return any(
            value is entry or (type(value) is type(entry) and bool(np.all(value == entry)))
            for entry in allowed
        )

    return tuple(value for value in values if not is_allowed(value))


def assert_refused(
    function: Callable, right: Mapping[str, Any], argument: str, values: Iterable[Any], *errors
) -> None:
    """Fails unless the function names the argument in an error for each of the values."""
    failures = []
    for value in values:
        try:
            with refusal():
                function(**{**right, argument: value})
        except (ValueError, TypeError, *errors) as error:
            if f"`{argument}" in str(error):
                continue
            failures.append(f"{_shown(value)}: {type(error).__name__}: {str(error)[:200]}")
        except Exception as error:
            failures.append(f"{_shown(value)}: {type(error).__name__}: {str(error)[:200]}")
        else:
            failures.append(f"{_shown(value)}: taken")
    assert not failures, f"argument `{argument}`:\n" + "\n".join(failures)


def assert_row_refused(calls: Mapping[Callable, tuple], function: Callable, argument: str) -> None:
    """The same for a table of functions: right arguments, and wrong values by argument."""
    right, wrong = calls[function]
    right = {name: _made(value) for name, value in right.items()}
    assert_refused(function, right, argument, _made(wrong[argument]))


def _made(value: Any) -> Any:
    """What is made anew for each test: models and tables."""
    return value() if callable(value) and not isinstance(value, type) else value


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}, {value.dtype}"
    return f"{type(value).__name__} {value!r}"[:80] if not isinstance(value, Path) else str(value)
