"""The wording of errors about arguments."""

import numpy as np
import pytest

from keras_dlnotes import checks


def test_integers_are_returned_as_plain_ints():
    assert checks.integer("units", np.int64(3), minimum=1) == 3
    assert checks.integers("strides", 2, 3) == (2, 2, 2)
    assert checks.integers("strides", [1, np.int32(2)], 2) == (1, 2)
    assert type(checks.integers("strides", np.int64(2), 2)[0]) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True, (1,)])
def test_integer_refuses(value):
    with pytest.raises(ValueError) as caught:
        checks.integer("units", value, minimum=1)
    expected = f"Argument `units` must be an integer ≥ 1. Received: units={value!r}"
    assert str(caught.value) == expected


@pytest.mark.parametrize("value", [0, (1, 0), (1, 1, 1), "11", (1.5, 1), {1, 2}])
def test_integers_refuse(value):
    with pytest.raises(ValueError, match="`strides` must be an integer ≥ 1 or 2 of them"):
        checks.integers("strides", value, 2, minimum=1)


def test_choice_and_fraction():
    assert checks.choice("cell", "lstm", ("simple", "lstm")) == "lstm"
    with pytest.raises(ValueError, match="`cell` must be one of 'simple', 'lstm'"):
        checks.choice("cell", "gru", ("simple", "lstm"))
    assert checks.fraction("dropout", 0) == 0.0
    for value in (1, -0.1, "0.5", True):
        with pytest.raises(ValueError, match=r"`dropout` must be a number in \[0, 1\)"):
            checks.fraction("dropout", value)
