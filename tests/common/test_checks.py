"""The wording of errors about arguments."""

from pathlib import Path

import numpy as np
import pytest

from keras_dlnotes.common import checks


def test_integers_are_returned_as_plain_ints():
    assert checks.integer("units", np.int64(3), minimum=1) == 3
    assert checks.integers("strides", 2, 3) == (2, 2, 2)
    assert checks.integers("strides", [1, np.int32(2)], 2) == (1, 2)
    assert type(checks.integers("strides", np.int64(2), 2)[0]) is int
    assert checks.integers("strides", np.array([1, 2]), 2) == (1, 2)
    assert checks.integers("strides", np.array(2), 2) == (2, 2)


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True, (1,)])
def test_integer_refuses(value):
    with pytest.raises(ValueError) as caught:
        checks.integer("units", value, minimum=1)
    expected = f"Argument `units` must be an integer ≥ 1. Received: units={value!r}"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "value",
    [
        0,
        (1, 0),
        (1, 1, 1),
        "11",
        b"11",
        bytearray(b"11"),
        (1.5, 1),
        {1, 2},
        np.ones(2),
        np.ones(()),
    ],
)
def test_integers_refuse(value):
    with pytest.raises(ValueError, match="`strides` must be an integer ≥ 1 or 2 of them"):
        checks.integers("strides", value, 2, minimum=1)


def test_choice_and_fraction():
    assert checks.choice("cell", "lstm", ("simple", "lstm")) == "lstm"
    for value in ("gru", None, np.zeros(2), ["lstm"]):
        with pytest.raises(ValueError, match="`cell` must be one of 'simple', 'lstm'"):
            checks.choice("cell", value, ("simple", "lstm"))
    with pytest.raises(ValueError, match="`use_cudnn` must be one of 'auto', True"):
        checks.choice("use_cudnn", 1, ("auto", True))
    assert checks.fraction("dropout", 0) == 0.0
    for value in (1, -0.1, "0.5", True):
        with pytest.raises(ValueError, match=r"`dropout` must be a number in \[0, 1\)"):
            checks.fraction("dropout", value)


def test_an_integer_may_have_an_upper_bound():
    assert checks.integer("layer_count", 10, maximum=10) == 10
    with pytest.raises(ValueError, match="`layer_count` must be an integer ≥ 0 and ≤ 10"):
        checks.integer("layer_count", 2**40, maximum=10)
    assert checks.integers("strides", (1, 10), 2, maximum=10) == (1, 10)
    for value in (11, (1, 2**40), np.array([1, 11])):
        with pytest.raises(ValueError, match="`strides` must be an integer ≥ 0 and ≤ 10 or 2 of"):
            checks.integers("strides", value, 2, maximum=10)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", b"1", None, True, [1.0], 1j])
def test_a_number_is_real_and_finite(value):
    with pytest.raises(ValueError, match="`epsilon` must be a finite number ≥ 0"):
        checks.number("epsilon", value, minimum=0)
    with pytest.raises(ValueError, match=r"`dropout` must be a number in \[0, 1\]"):
        checks.probability("dropout", value)


def test_numbers_of_numpy_are_numbers():
    assert checks.number("epsilon", np.float32(0.5)) == 0.5
    assert checks.number("epsilon", np.int64(2), 0, 2) == 2.0
    assert type(checks.fraction("dropout", np.float16(0.5))) is float


def test_shapes_are_compared_as_far_as_both_are_known():
    checks.shape("bias", np.zeros(3), (3,))
    checks.shape("bias", np.zeros((2, 3)), (None, 3))
    for value in (np.zeros(()), np.zeros(1), np.zeros((1, 3))):
        with pytest.raises(ValueError, match=r"`bias` must be of shape \(3,\)"):
            checks.shape("bias", value, (3,))


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checks.flag, [True, np.bool_(False)], [0, 1, None, "yes", [True]]),
        (checks.text, ["a"], ["", b"a", 3, None, ["a"]]),
        (checks.path, ["a", Path("a")], ["", b"a", "a\0b", 3, None, ["a"]]),
        (checks.mapping, [{}, {"a": 1}], [[("a", 1)], "a", None]),
        (checks.texts, [["a", "b"], []], ["ab", b"ab", {"a"}, {"a": 1}, 3, [None], [True]]),
        (checks.function, [len, int], [3, "len", None]),
    ],
    ids=["flag", "text", "path", "mapping", "texts", "function"],
)
def test_kinds_of_arguments(check, right, wrong):
    for value in right:
        assert check("option", value) == (Path(value) if check is checks.path else value)
    for value in wrong:
        with pytest.raises(ValueError, match="Argument `option` must be "):
            check("option", value)


def test_a_long_value_is_cut_in_the_message():
    assert len(str(checks.argument_error("names", "a text", ["abc"] * 1000))) < 500


def test_only_what_may_be_empty_is():
    assert checks.text("title", "", empty=True) == ""
    with pytest.raises(ValueError, match="`runs` must be a non-empty mapping of names"):
        checks.mapping("runs", {}, "of names")


def test_a_sequence_has_one_axis():
    assert checks.sequence("x", np.arange(2), "numbers") == [0, 1]
    with pytest.raises(ValueError, match=r"a sequence of numbers. Received: x.shape=\(1, 1\)"):
        checks.sequence("x", np.zeros((1, 1)), "numbers")


def test_lengths_are_compared_by_name():
    checks.same_length(a=[1], b="x")
    with pytest.raises(ValueError, match="`a`, `b` must have the same length"):
        checks.same_length(a=[1], b="")
