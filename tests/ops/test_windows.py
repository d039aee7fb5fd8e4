"""Window arithmetic, and the numbers that the notes' figures show."""

import itertools

import numpy as np
import pytest

from keras_dlnotes import ops
from keras_dlnotes.ops import windows
from tests import reference


@pytest.mark.parametrize(
    ("m", "k", "p", "s", "expected"),
    [(4, 3, 0, 1, 2), (5, 3, 0, 2, 2), (5, 3, 1, 1, 5), (6, 3, 1, 2, 3), (12, 5, 0, 1, 8)],
)
def test_dimension_of_the_output_in_the_notes(m, k, p, s, expected):
    assert ops.output_length(m, k, padding=p, stride=s) == expected


def test_output_length_counts_the_windows():
    for m, k, before, after, s, d in itertools.product(
        range(1, 9), (1, 2, 3), (0, 1), (0, 2), (1, 2, 3), (1, 2)
    ):
        (expected,) = reference.places((m,), (k,), (s,), ((before, after),), (d,))
        if expected:
            assert ops.output_length(m, k, (before, after), s, d) == expected
        else:
            with pytest.raises(ValueError, match="`kernel` must be no longer than the padded"):
                ops.output_length(m, k, (before, after), s, d)


def test_words_are_keras_words():
    for m, k, s in itertools.product(range(1, 12), (1, 2, 3, 5), (1, 2, 3, 4)):
        assert ops.output_length(m, k, "same", s) == -(-m // s)
        assert ops.output_length(m, k, "causal", s) == -(-m // s)
    assert ops.output_length(7, 3, "valid", 2) == 3
    assert ops.output_length(None, 3) is None


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"length": 0, "kernel": 3}, "length"),
        ({"length": 5, "kernel": 0}, "kernel"),
        ({"length": 5, "kernel": 3, "padding": -1}, "padding"),
        ({"length": 5, "kernel": 3, "padding": (1, 2, 3)}, "padding"),
        ({"length": 5, "kernel": 3, "stride": 0}, "stride"),
        ({"length": 5, "kernel": 3, "dilation": 1.5}, "dilation"),
        ({"length": 5, "kernel": 3, "dilation": 3}, "kernel"),
    ],
)
def test_output_length_names_what_is_wrong(arguments, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .* Received: {name}="):
        ops.output_length(**arguments)


def test_padding_forms():
    assert windows.standardize_padding("SAME", 2) == "same"
    assert windows.standardize_padding(0, 1) == ((0, 0),)
    assert windows.standardize_padding([1, [2, 3]], 2) == ((1, 1), (2, 3))
    assert windows.standardize_padding(np.int64(2), 3) == ((2, 2),) * 3


@pytest.mark.parametrize("padding", [-1, 1.5, True, "sam", "causal", (1, 2, 3), ((1, 2),), None])
def test_wrong_padding_is_named_with_what_was_expected(padding):
    with pytest.raises(ValueError, match="`padding` must be 'valid', 'same', an integer ≥ 0 or 2"):
        windows.standardize_padding(padding, 2)
