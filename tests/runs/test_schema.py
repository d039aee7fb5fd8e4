"""Shapes: what is and what is not a value of a kind, and how that is said."""

import math
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from keras_dlnotes.runs.schema import Constraint, Count, Positive, Seconds, Text, schema_error


class Inner(TypedDict):
    size: Count


class Outer(TypedDict):
    inner: list[Inner]
    label: NotRequired[str | None]


VALUES = [None, True, False, 0, -1, 1, 10**400, 0.5, math.nan, math.inf, "", "a", [], [1], {}]
NUMBERS = [0, -1, 1, 0.5, math.nan, math.inf]


@pytest.mark.parametrize(
    "kind, members",
    [
        (Any, VALUES),
        (None, [None]),
        (bool, [True, False]),
        (int, [0, -1, 1, 10**400]),
        (float, NUMBERS),
        (str, ["", "a"]),
        (list[Any], [[], [1]]),
        (list[str], [[]]),
        (dict[str, Any], [{}]),
        (Count, [0, 1, 10**400]),
        (Positive, [1, 10**400]),
        (Seconds, [0, 1, 0.5, math.inf]),
        (Text, ["a"]),
        (Literal["a", 1], [1, "a"]),
        (int | None, [None, 0, -1, 1, 10**400]),
        (list[int] | str | None, [None, "", "a", [], [1]]),
        (Annotated[float, Constraint("less than 1", lambda value: value < 1)], [0, -1, 0.5]),
    ],
)
def test_a_kind_has_these_members_and_no_others(kind, members):
    for value in VALUES:
        is_member = any(type(value) is type(one) and repr(value) == repr(one) for one in members)
        assert (schema_error(value, kind) is None) == is_member, value


@pytest.mark.parametrize(
    "value, fault",
    [
        ({}, "it lacks inner"),
        ([], "it must be an object, not []"),
        ({"inner": {}}, "`inner` must be a list, not {}"),
        ({"inner": [1]}, "`inner[0]` must be an object, not 1"),
        ({"inner": [{"size": 1}, {}]}, "`inner[1]` lacks size"),
        ({"inner": [{"size": -1}]}, "`inner[0].size` must be a whole number ≥ 0, not -1"),
        ({"inner": [], "label": 1}, "`label` must be a text or null, not 1"),
        ({"inner": [], "label": None, "more": 1}, None),
    ],
)
def test_the_place_is_named(value, fault):
    assert schema_error(value, Outer) == fault


def test_of_several_kinds_the_one_meant_is_told_of():
    assert schema_error(["a"], list[int] | None) == "`[0]` must be a whole number, not 'a'"
    assert schema_error(1, list[int] | None) == "it must be a list or null, not 1"
