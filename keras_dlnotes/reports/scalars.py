"""Checks of the numbers, texts and names that come in, worded as everywhere in the package."""

import math
import os
from collections.abc import Iterable, Mapping, Set
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from keras_dlnotes.reports.arrays import argument_error


def integer(name: str, value: Any, minimum: int = 1, maximum: int | None = None) -> int:
    """Returns the value as an int, or raises where it is no integer or out of range.

    >>> integer("limit", 3)
    3
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        span = f"≥ {minimum}" if maximum is None else f"in [{minimum}, {maximum}]"
        raise argument_error(name, f"an integer {span}", f"{name}={value!r}")
    return int(value)


def number(name: str, value: Any, minimum: float = -math.inf) -> float:
    """Returns the value as a float, or raises where it is no finite number or too small."""
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not real or value < minimum:
        least = "" if minimum == -math.inf else f" ≥ {minimum:g}"
        raise argument_error(name, f"a finite number{least}", f"{name}={value!r}")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """Returns the value if it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise argument_error(name, "True or False", f"{name}={value!r}")
    return bool(value)


def choice(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Returns the value if it is one of the allowed ones."""
    allowed = tuple(allowed)
    if not any(isinstance(value, type(entry)) and value == entry for entry in allowed):
        expected = f"one of {', '.join(map(repr, allowed))}"
        raise argument_error(name, expected, f"{name}={value!r}")
    return value


def text(name: str, value: Any, empty: bool = True) -> str:
    """Returns the value if it is a text, which may be empty or not."""
    if not isinstance(value, str) or not (value or empty):
        expected = "a text" if empty else "a text that is not empty"
        raise argument_error(name, expected, f"{name}={value!r}")
    return value


def path(name: str, value: Any) -> Path:
    """Returns the value as a path."""
    given = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(given, str) or not given or "\0" in given:
        raise argument_error(name, "a path", f"{name}={value!r}")
    return Path(given)


def mapping(name: str, value: Any, of: str) -> Mapping[Any, Any]:
    """Returns the value if it is a mapping that is not empty, `of` saying of what to what."""
    if not isinstance(value, Mapping) or not value:
        raise argument_error(name, f"a non-empty mapping {of}", f"{name}={value!r}")
    return value


def sequence(name: str, value: Any, of: str) -> list[Any]:
    """Returns the entries as a list; a text, whose entries are letters, or a set is refused."""
    ordered = hasattr(value, "__iter__") and hasattr(value, "__len__")
    if not ordered or isinstance(value, str | bytes | bytearray | Mapping | Set):
        raise argument_error(name, f"a sequence of {of}", f"{name}={value!r}")
    if isinstance(value, np.ndarray) and value.ndim != 1:
        raise argument_error(name, f"a sequence of {of}", f"{name}.shape={value.shape}")
    return list(value)


def texts(name: str, value: Any) -> list[str]:
    """Returns a sequence of texts, such as names, as a list; a number stands for its digits."""
    entries = sequence(name, value, "texts")
    for entry in entries:
        if not isinstance(entry, str | Integral) or isinstance(entry, bool | np.bool_):
            raise argument_error(name, "a sequence of texts", f"{entry!r} in {name}")
    return [str(entry) for entry in entries]
