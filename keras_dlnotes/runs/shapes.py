"""Whether a JSON value has the shape that a type annotation states."""

import dataclasses
import re
import reprlib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)


@dataclass(frozen=True)
class Condition:
    """What `Annotated` adds to a type: a value of it must fulfil a condition.

    Attributes:
        expected: what the value must be, in words.
        holds: the condition.
    """

    expected: str
    holds: Callable[[Any], bool]


def text_like(pattern: str) -> Condition:
    """Returns the condition that the whole text is matched."""
    return Condition(f"a text like {pattern}", re.compile(pattern).fullmatch)


Count = Annotated[int, Condition("a whole number ≥ 0", lambda value: value >= 0)]
Positive = Annotated[int, Condition("a whole number ≥ 1", lambda value: value >= 1)]
Seconds = Annotated[float, Condition("a number ≥ 0", lambda value: value >= 0)]
Text = Annotated[str, Condition("a text that is not empty", bool)]
WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "null",
    list: "a list",
    dict: "an object",
}


def misshapen(value: Any, kind: Any, place: str = "") -> str | None:
    """Says what about a JSON value is not of the kind; None where all is.

    Args:
        value: as `json.loads` returns it.
        kind: `Any`, `bool`, `int`, `float` (NaN, infinities and whole numbers included), `str`,
            `None`, a `Literal`, a list, a dict from texts, a union of these, one of them with
            `Condition`s, a `TypedDict`, which may have further keys, or a dataclass, which may not.
        place: the value's name in the answer; none for the whole of a record.

    >>> misshapen({"seeds": [1, True]}, dict[str, list[int]])
    '`seeds[1]` must be a whole number, not True'
    """
    if kind is Any:
        return None
    kind = type(None) if kind is None else kind
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Annotated, NotRequired):
        inner, *conditions = arguments
        return misshapen(value, inner, place) or next(
            (_fault(place, one.expected, value) for one in conditions if not one.holds(value)), None
        )
    if origin in (Union, types.UnionType):
        return _of_none(value, arguments, place)
    if origin is Literal:
        same = any(type(value) is type(one) and value == one for one in arguments)
        return None if same else _fault(place, " or ".join(map(repr, arguments)), value)
    if origin in (list, dict):
        return _misshapen_entry(value, origin, arguments, place)
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _misshapen_field(value, kind, place)
    return None if _is_of(value, kind) else _fault(place, WORDS[kind], value)


def _is_of(value: Any, kind: type) -> bool:
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float and isinstance(value, int):
        return abs(value) < 2**1023  # beyond, no float can hold it
    return isinstance(value, kind)


def _of_none(value: Any, kinds: tuple[Any, ...], place: str) -> str | None:
    """Says what is wrong with a value that may be of one kind or another."""
    faults = [misshapen(value, kind, place) for kind in kinds]
    if None in faults:
        return None
    deepest = [fault for fault in faults if not fault.startswith(f"{_subject(place)} must be")]
    return deepest[0] if deepest else _fault(place, " or ".join(map(_words, kinds)), value)


def _words(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return get_args(kind)[-1].expected
    return WORDS.get(get_origin(kind) or kind, "an object")


def _misshapen_entry(value: Any, kind: type, kinds: tuple[Any, ...], place: str) -> str | None:
    if not isinstance(value, kind):
        return _fault(place, WORDS[kind], value)
    if kind is list:
        named = ((f"{place}[{index}]", entry) for index, entry in enumerate(value))
        faults = (misshapen(entry, kinds[0], name) for name, entry in named)
    else:
        faults = (
            misshapen(key, kinds[0], _member(place, key))
            or misshapen(entry, kinds[1], _member(place, key))
            for key, entry in value.items()
        )
    return next(filter(None, faults), None)


def _misshapen_field(value: Any, kind: Any, place: str) -> str | None:
    if not isinstance(value, dict):
        return _fault(place, WORDS[dict], value)
    hints, optional = fields_of(kind)
    if missing := [name for name in hints if name not in value and name not in optional]:
        return f"{_subject(place)} lacks {', '.join(missing)}"
    if dataclasses.is_dataclass(kind) and (
        foreign := [name for name in value if name not in hints]
    ):
        return f"{_subject(place)} must not have {', '.join(foreign)}"
    faults = (
        misshapen(value[name], hint, _member(place, name))
        for name, hint in hints.items()
        if name in value
    )
    return next(filter(None, faults), None)


def fields_of(kind: Any) -> tuple[Mapping[str, Any], frozenset[str]]:
    """Returns the fields of a `TypedDict` or dataclass, and which of them a record may lack.

    A dataclass names these in its attribute `later`: those that older records have not.
    """
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        return hints, kind.__optional_keys__
    names = [part.name for part in dataclasses.fields(kind)]
    return {name: hints[name] for name in names}, frozenset(getattr(kind, "later", ()))


def _member(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _subject(place: str) -> str:
    return f"`{place}`" if place else "it"


def _fault(place: str, expected: str, value: Any) -> str:
    return f"{_subject(place)} must be {expected}, not {reprlib.repr(value)}"
