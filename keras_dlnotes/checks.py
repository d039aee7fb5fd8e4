"""Argument validation, and the wording of every error about an argument.

An error names the argument, says what was expected and shows what came.
"""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any


def argument_error(name: str, expected: str, received: Any, hint: str = "") -> ValueError:
    """Returns the ValueError that all checks raise, so that its wording stands in one place.

    >>> argument_error("units", "a positive integer", 0)
    ValueError('Argument `units` must be a positive integer. Received: units=0')
    """
    message = f"Argument `{name}` must be {expected}. Received: {name}={received!r}"
    return ValueError(f"{message}. {hint}" if hint else message)


def is_integer(value: Any) -> bool:
    """Tells whether the value is an integer; a bool, which Python counts as one, is not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def integer(name: str, value: Any, minimum: int = 0) -> int:
    """Returns the value as an int, or raises where it is no integer or below the minimum."""
    if not is_integer(value) or value < minimum:
        raise argument_error(name, f"an integer ≥ {minimum}", value)
    return int(value)


def integers(name: str, value: Any, count: int, minimum: int = 0) -> tuple[int, ...]:
    """Returns one integer for each of `count` axes; a single integer stands for all of them."""
    values = (value,) * count if is_integer(value) else value
    if (
        not isinstance(values, Sequence)
        or isinstance(values, str)
        or len(values) != count
        or not all(is_integer(entry) and entry >= minimum for entry in values)
    ):
        expected = f"an integer ≥ {minimum}"
        if count > 1:
            expected += f" or {count} of them"
        raise argument_error(name, expected, value)
    return tuple(int(entry) for entry in values)


def choice(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Returns the value if it is one of the allowed ones."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise argument_error(name, f"one of {', '.join(map(repr, allowed))}", value)
    return value


def probability(name: str, value: Any) -> float:
    """Returns the value as a float in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise argument_error(name, "a number in [0, 1]", value)
    return float(value)


def fraction(name: str, value: Any) -> float:
    """Returns the value as a float in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise argument_error(name, "a number in [0, 1)", value)
    return float(value)
