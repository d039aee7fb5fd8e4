"""The wording of this part's errors: the package's own, which it does not import."""

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from numbers import Integral
from pathlib import Path
from typing import Any

# No vocabulary and no text needs more ids; what is asked for beyond would fill the memory.
LARGEST_SIZE = 1 << 24


def argument_error(name: str, expected: str, received: Any, hint: str = "") -> ValueError:
    """Returns a ValueError that names the argument, what was expected and what came."""
    shown = repr(received)
    if len(shown) > 200:
        shown = f"{shown[:200]}…"
    message = f"Argument `{name}` must be {expected}. Received: {name}={shown}"
    return ValueError(f"{message}. {hint}" if hint else message)


def is_integer(value: Any) -> bool:
    """Tells whether the value is an integer; a bool, which Python counts as one, is not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def integer(name: str, value: Any, minimum: int, hint: str = "") -> int:
    """Returns the value as an int, or raises where it is no integer or out of range."""
    if not is_integer(value) or not minimum <= value <= LARGEST_SIZE:
        expected = f"an integer ≥ {minimum} and ≤ {LARGEST_SIZE}"
        raise argument_error(name, expected, value, hint)
    return int(value)


def flag(name: str, value: Any) -> bool:
    """Returns the value if it is True or False; a number, which Python takes for one, is not."""
    if not isinstance(value, bool):
        raise argument_error(name, "True or False", value)
    return value


def entries(name: str, value: Any, expected: str) -> Iterator[Any]:
    """Returns an iterator over the entries, or raises for text, bytes, sets and dictionaries."""
    if isinstance(value, str | bytes | bytearray | Mapping | Set):
        raise argument_error(name, expected, value)
    try:
        return iter(value)
    except TypeError as cause:
        raise argument_error(name, expected, value) from cause


def texts_of(texts: Iterable[str]) -> Iterator[str]:
    """Returns an iterator over the texts, each checked when its turn comes."""
    found = entries("texts", texts, "a list or iterator of strings, not one string")
    return (unicode_text("texts", text) for text in found)


def file_path(name: str, value: Any) -> Path:
    """Returns the value as a path, which no folder has."""
    if not isinstance(value, str | os.PathLike) or "\0" in str(value):
        raise argument_error(name, "the path of a file", value)
    path = Path(value)
    if path.is_dir():
        raise argument_error(name, "the path of a file, not of a folder", value)
    return path


def unicode_text(name: str, value: Any) -> str:
    """Returns the value if it is text that UTF-8 can write."""
    if not isinstance(value, str):
        raise argument_error(name, "a string", value)
    try:
        value.encode()
    except UnicodeEncodeError as cause:
        lone = f"U+{ord(value[cause.start]):04X}"
        raise argument_error(
            name, f"free of lone surrogates; {lone} at position {cause.start} is one", value
        ) from cause
    return value
