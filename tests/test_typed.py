"""The check of annotations notes what it is there for, and nothing that is wrong on purpose."""

import os

import numpy as np
import pytest

from keras_dlnotes.common.checks import is_integer, number
from keras_dlnotes.common.printable import printable
from tests import typed

pytestmark = pytest.mark.skipif(
    not os.environ.get("DLNOTES_TESTS_TYPED"), reason="DLNOTES_TESTS_TYPED is not set"
)


def test_a_wrong_type_is_noted():
    assert printable("text", keep=["\n"]) == "text"
    found, _ = typed._found.popitem()
    assert found.startswith("keras_dlnotes/common/printable.py:")
    assert found.endswith('printable: argument "keep" (list) is not an instance of str')


def test_what_is_to_be_refused_is_not():
    with pytest.raises(TypeError):
        printable(3)
    with typed.refusal():
        printable("text", keep=["\n"])
    assert not typed._found


def test_scalars_of_numpy_are_numbers():
    assert number("x", np.float32(2), np.int64(1), np.float16(3)) == 2 and is_integer(np.int8(1))
    assert not typed._found


def test_a_test_fails_where_a_type_was_noted():
    typed._found["keras_dlnotes/file.py:1, function: wrong"] = None
    with pytest.raises(pytest.fail.Exception, match=r"file\.py:1, function: wrong"):
        typed._checked(None)
    assert not typed._found
