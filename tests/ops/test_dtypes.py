"""The types that ops take, compute in and sum in."""

import keras
import numpy as np
import pytest

from keras_dlnotes.ops import dtypes
from tests.tensors import dtype_of

FLOATS = ["float16", "bfloat16", "float32"]
WHOLE = ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"]


@pytest.mark.parametrize("whole", WHOLE)
def test_whole_numbers_are_computed_in_floating_point(whole):
    x = keras.ops.cast([0, 1], whole)
    (alone,) = dtypes.floating(x=x)
    assert dtype_of(alone) == keras.config.floatx()
    for floating in FLOATS:
        both = dtypes.floating(x=x, kernel=keras.ops.ones((2,), floating))
        assert [dtype_of(tensor) for tensor in both] == [floating] * 2


@pytest.mark.parametrize("other", ["float64", "float32", "bfloat16", "int32", "bool"])
def test_double_precision_stays(other):
    assert dtypes.float_type("float64", other) == dtypes.float_type(other, "float64") == "float64"


def test_whole_numbers_follow_floatx():
    before = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        assert dtypes.float_type("int32") == "float16"
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize("value", [np.ones(2, "complex64"), 1j, "abc", b"abc", object(), 2**100])
def test_other_types_are_refused_by_name(value):
    with pytest.raises(ValueError, match="Argument `inputs` must be a tensor of real numbers"):
        dtypes.real("inputs", value)


def test_sums_are_wide():
    assert [dtypes.wide(name) for name in (*FLOATS, "float64")] == ["float32"] * 3 + ["float64"]
