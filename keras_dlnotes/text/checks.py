"""The wording of this part's errors: the package's own, which it does not import."""

from numbers import Integral
from typing import Any


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
