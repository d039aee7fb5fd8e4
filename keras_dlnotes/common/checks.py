"""Argument validation, and the wording of every error about an argument.

An error names the argument, says what was expected and shows what was received.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from keras_dlnotes.common.printable import printable

LARGEST = 2**24  # stride, padding, spacing, number of channels or units: far beyond any use
LARGEST_SEED = 2**32 - 1  # of NumPy's generators, which Keras seeds with the others
LONGEST_SHOWN = 400  # characters of a received value


def argument_error(
    name: str, expected: str, received: Any, hint: str = "", *, part: str = ""
) -> ValueError:
    """Returns the ValueError that every check raises.

    Args:
        name: of the argument.
        expected: what the argument must be.
        received: the value, or the part of it that is wrong.
        hint: a sentence to add.
        part: what `received` is, where it is not the whole argument.

    >>> argument_error("units", "a positive integer", 0)
    ValueError('Argument `units` must be a positive integer. Received: units=0')
    >>> argument_error("kernel", "of rank 4", (3, 3), part="kernel.shape")
    ValueError('Argument `kernel` must be of rank 4. Received: kernel.shape=(3, 3)')
    """
    shown = repr(received)
    if len(shown) > LONGEST_SHOWN:
        shown = f"{shown[:LONGEST_SHOWN]}…"
    message = f"Argument `{name}` must be {expected}. Received: {part or name}={shown}"
    return ValueError(printable(f"{message}. {hint}" if hint else message, keep="\n\t"))


def is_integer(value: Any) -> bool:
    """Tells whether the value is an integer; a bool, which Python counts as one, is not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def integer(
    name: str, value: Any, minimum: int = 0, maximum: int | None = None, hint: str = ""
) -> int:
    """Returns the value as an int, or raises where it is no integer or out of range."""
    if not _is_within(value, minimum, maximum):
        raise argument_error(name, _an_integer(minimum, maximum), value, hint)
    return int(value)


def integers(
    name: str, value: Any, count: int, minimum: int = 0, maximum: int | None = None
) -> tuple[int, ...]:
    """Returns one integer for each of `count` axes; a single integer stands for all of them."""
    values = value.tolist() if hasattr(value, "tolist") else value  # NumPy's, as Keras takes them
    values = (values,) * count if is_integer(values) else values
    if (
        not is_sequence(values)
        or len(values) != count
        or not all(_is_within(entry, minimum, maximum) for entry in values)
    ):
        expected = _an_integer(minimum, maximum)
        if count > 1:
            expected += f" or {count} of them"
        raise argument_error(name, expected, value)
    return tuple(int(entry) for entry in values)


def _is_within(value: Any, minimum: int, maximum: int | None) -> bool:
    return is_integer(value) and minimum <= value and (maximum is None or value <= maximum)


def _an_integer(minimum: int, maximum: int | None) -> str:
    return f"an integer ≥ {minimum}" + ("" if maximum is None else f" and ≤ {maximum}")


def is_sequence(value: Any) -> bool:
    """Tells whether the value is a list of entries; text and bytes, which index alike, are not."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def number(name: str, value: Any, minimum: float = -math.inf, maximum: float = math.inf) -> float:
    """Returns the value as a float, or raises where it is no finite number or out of range."""
    if not _is_number(value) or not minimum <= value <= maximum:
        if minimum == -math.inf and maximum == math.inf:
            expected = "a finite number"
        elif maximum == math.inf:
            expected = f"a finite number ≥ {minimum:g}"
        else:
            expected = f"a number in [{minimum:g}, {maximum:g}]"
        raise argument_error(name, expected, value)
    return float(value)


def _is_number(value: Any) -> bool:
    """Tells whether the value is finite and real, of Python or of NumPy; a bool is not."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def choice(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Returns the value if it is one of the allowed ones."""
    allowed = tuple(allowed)
    if not any(isinstance(value, type(entry)) and value == entry for entry in allowed):
        raise argument_error(name, f"one of {', '.join(map(repr, allowed))}", value)
    return value


def probability(name: str, value: Any) -> float:
    """Returns the value as a float in [0, 1]."""
    return number(name, value, 0, 1)


def fraction(name: str, value: Any) -> float:
    """Returns the value as a float in [0, 1)."""
    if not _is_number(value) or not 0 <= value < 1:
        raise argument_error(name, "a number in [0, 1)", value)
    return float(value)


def shape(name: str, tensor: Any, expected: Sequence[int | None]) -> None:
    """Raises unless the tensor has the shape, as far as both are known."""
    found, expected = tuple(tensor.shape), tuple(expected)
    if len(found) != len(expected) or any(
        None not in pair and pair[0] != pair[1] for pair in zip(found, expected, strict=True)
    ):
        raise argument_error(name, f"of shape {expected}", found)


def same_length(**arguments: Any) -> None:
    """Raises unless the arguments, given by name, are of one length."""
    lengths = {name: len(value) for name, value in arguments.items()}
    if len(set(lengths.values())) > 1:
        names = ", ".join(f"`{name}`" for name in lengths)
        received = ", ".join(f"len({name})={length}" for name, length in lengths.items())
        raise ValueError(f"Arguments {names} must have the same length. Received: {received}")


def flag(name: str, value: Any) -> bool:
    """Returns the value if it is True or False; a number, which Python takes for one, is not."""
    if not isinstance(value, bool | np.bool_):
        raise argument_error(name, "True or False", value)
    return bool(value)


def text(name: str, value: Any, *, empty: bool = False) -> str:
    """Returns the value if it is a text; the empty one only on demand."""
    if not isinstance(value, str) or not (value or empty):
        raise argument_error(name, "a text" if empty else "a text that is not empty", value)
    return value


def texts(name: str, value: Any) -> list[str]:
    """Returns a sequence of texts, such as names, as a list; a number stands for its digits."""
    entries = sequence(name, value, "texts")
    for place, entry in enumerate(entries):
        if not isinstance(entry, str | Integral) or isinstance(entry, bool | np.bool_):
            raise argument_error(name, "a sequence of texts", entry, part=f"{name}[{place}]")
    return [str(entry) for entry in entries]


def sequence(name: str, value: Any, of: str) -> list[Any]:
    """Returns the entries as a list; a text, whose entries are letters, or a set is refused."""
    ordered = hasattr(value, "__iter__") and hasattr(value, "__len__")
    if not ordered or isinstance(value, str | bytes | bytearray | Mapping | Set):
        raise argument_error(name, f"a sequence of {of}", value)
    if isinstance(value, np.ndarray) and value.ndim != 1:
        raise argument_error(name, f"a sequence of {of}", value.shape, part=f"{name}.shape")
    return list(value)


def path(name: str, value: Any) -> Path:
    """Returns the value as a path; the empty one would stand for the current folder."""
    given = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(given, str) or not given or "\0" in given:
        raise argument_error(name, "a path", value)
    return Path(given)


def mapping(name: str, value: Any, of: str = "") -> Mapping[Any, Any]:
    """Returns the value if it is a mapping, not empty where `of` says of what to what."""
    if not isinstance(value, Mapping) or (of and not value):
        raise argument_error(name, f"a non-empty mapping {of}" if of else "a mapping", value)
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Returns the value if it can be called."""
    if not callable(value):
        raise argument_error(name, "a function", value)
    return value
