"""Validates JSON values against a schema given as a type annotation."""

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
class Constraint:
    """A constraint on a value, as metadata of `Annotated`.

    Attributes:
        expected: what the value must be, in words.
        holds: the predicate.
    """

    expected: str
    holds: Callable[[Any], bool]


def matching(pattern: str) -> Constraint:
    """Returns the constraint that the pattern matches the whole text."""
    return Constraint(f"a text like {pattern}", lambda text: bool(re.fullmatch(pattern, text)))


Count = Annotated[int, Constraint("a whole number ≥ 0", lambda value: value >= 0)]
Positive = Annotated[int, Constraint("a whole number ≥ 1", lambda value: value >= 1)]
Seconds = Annotated[float, Constraint("a number ≥ 0", lambda value: value >= 0)]
Text = Annotated[str, Constraint("a text that is not empty", bool)]
TYPE_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "null",
    list: "a list",
    dict: "an object",
}


def schema_error(value: Any, schema: Any, path: str = "") -> str | None:
    """Returns where and how a JSON value violates a schema; None if it is valid.

    Args:
        value: as `json.loads` returns it.
        schema: `Any`, `bool`, `int`, `float` (including NaN, infinities and integers), `str`,
            `None`, a `Literal`, a list, a dict from texts, a union of these, one of them with
            `Constraint`s, a `TypedDict`, which may have further keys, or a dataclass, which may
            not.
        path: path of the value in the record, for the message; empty for the whole record.

    >>> schema_error({"seeds": [1, True]}, dict[str, list[int]])
    '`seeds[1]` must be a whole number, not True'
    """
    if schema is Any:
        return None
    schema = type(None) if schema is None else schema
    origin, arguments = get_origin(schema), get_args(schema)
    if origin in (Annotated, NotRequired):
        inner, *conditions = arguments
        return schema_error(value, inner, path) or next(
            (_error(path, one.expected, value) for one in conditions if not one.holds(value)), None
        )
    if origin in (Union, types.UnionType):
        return _union_error(value, arguments, path)
    if origin is Literal:
        same = any(type(value) is type(one) and value == one for one in arguments)
        return None if same else _error(path, " or ".join(map(repr, arguments)), value)
    if origin in (list, dict):
        return _entry_error(value, origin, arguments, path)
    if is_typeddict(schema) or dataclasses.is_dataclass(schema):
        return _field_error(value, schema, path)
    return None if _is_instance(value, schema) else _error(path, TYPE_NAMES[schema], value)


def _is_instance(value: Any, schema: type) -> bool:
    if schema in (int, float) and isinstance(value, bool):
        return False
    if schema is float and isinstance(value, int):
        return abs(value) < 2**1023  # beyond, no float can hold it
    return isinstance(value, schema)


def _union_error(value: Any, schemas: tuple[Any, ...], path: str) -> str | None:
    """Returns how a value violates every schema of a union."""
    faults = [schema_error(value, schema, path) for schema in schemas]
    if None in faults:
        return None
    shallow = f"{_subject(path)} must be"
    deepest = [fault for fault in faults if fault and not fault.startswith(shallow)]
    return deepest[0] if deepest else _error(path, " or ".join(map(_name, schemas)), value)


def _name(schema: Any) -> str:
    if get_origin(schema) is Annotated:
        return get_args(schema)[-1].expected
    return TYPE_NAMES.get(get_origin(schema) or schema, "an object")


def _entry_error(value: Any, schema: Any, schemas: tuple[Any, ...], path: str) -> str | None:
    if not isinstance(value, schema):
        return _error(path, TYPE_NAMES[schema], value)
    if schema is list:
        named = ((f"{path}[{index}]", entry) for index, entry in enumerate(value))
        faults = (schema_error(entry, schemas[0], name) for name, entry in named)
    else:
        faults = (
            schema_error(key, schemas[0], _child(path, key))
            or schema_error(entry, schemas[1], _child(path, key))
            for key, entry in value.items()
        )
    return next(filter(None, faults), None)


def _field_error(value: Any, schema: Any, path: str) -> str | None:
    if not isinstance(value, dict):
        return _error(path, TYPE_NAMES[dict], value)
    hints, optional = _fields(schema)
    if missing := [name for name in hints if name not in value and name not in optional]:
        return f"{_subject(path)} lacks {', '.join(missing)}"
    if dataclasses.is_dataclass(schema) and (
        foreign := [name for name in value if name not in hints]
    ):
        return f"{_subject(path)} must not have {', '.join(foreign)}"
    faults = (
        schema_error(value[name], hint, _child(path, name))
        for name, hint in hints.items()
        if name in value
    )
    return next(filter(None, faults), None)


def _fields(schema: Any) -> tuple[Mapping[str, Any], frozenset[str]]:
    """Returns the fields of a `TypedDict` or dataclass, and which of them are optional.

    A dataclass names the latter in its attribute `later`: fields added after the first version.
    """
    hints = get_type_hints(schema, include_extras=True)
    if is_typeddict(schema):
        return hints, schema.__optional_keys__
    names = [field.name for field in dataclasses.fields(schema)]
    return {name: hints[name] for name in names}, frozenset(getattr(schema, "later", ()))


def _child(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _subject(path: str) -> str:
    return f"`{path}`" if path else "it"


def _error(path: str, expected: str, value: Any) -> str:
    return f"{_subject(path)} must be {expected}, not {reprlib.repr(value)}"
