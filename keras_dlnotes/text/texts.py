"""Texts that a caller passes: strings that UTF-8 can encode, one by one or many."""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from keras_dlnotes.common.checks import argument_error


def entries(name: str, value: Any, expected: str) -> Iterator[Any]:
    """Returns an iterator over the entries, or raises for text, bytes, sets and dictionaries."""
    if isinstance(value, str | bytes | bytearray | Mapping | Set):
        raise argument_error(name, expected, value)
    try:
        return iter(value)
    except TypeError as cause:
        raise argument_error(name, expected, value) from cause


def texts_of(texts: Iterable[str]) -> Iterator[str]:
    """Returns an iterator over the texts, which checks each one when it is reached."""
    found = entries("texts", texts, "a list or iterator of strings, not one string")
    return (unicode_text("texts", text) for text in found)


def unicode_text(name: str, value: Any) -> str:
    """Returns the value if it is text that UTF-8 can encode."""
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
