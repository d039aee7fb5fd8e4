"""Generated calls: each ends in a result or in an error that names one of the arguments.

A row of `ROWS` is a public function and arguments that it takes. A call replaces one or two of them
by values that somebody might write. What must not come out is an error from the depths, such as a
shape that a kernel of the framework complains of: add a row, and the function is held to it.
"""

import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests.backends import BACKEND
from tests.typed import refusal


class Row(NamedTuple):
    """A public function, and arguments that it takes."""

    function: Callable
    arguments: dict[str, Any]
    keras_own: bool = False  # whether Keras checks some of them, in its own words

    def __str__(self):
        return self.function.__qualname__


def _array(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _called(layer_class, shape):
    """Constructs and calls a layer as one function of the constructor's arguments and `inputs`."""

    def function(inputs, **arguments):
        return layer_class(**arguments)(inputs)

    function.__qualname__ = layer_class.__name__
    function.__signature__ = inspect.signature(layer_class)
    return function, {"inputs": _array(2, *shape)}


def _convolutions():
    every = {"strides": 1, "padding": "valid", "data_format": "channels_last", "dilation_rate": 1}
    for rank in (1, 2, 3):
        image, bias = _array(2, *(5, 4, 6)[:rank], 4), _array(6)
        size = (2,) * rank
        conv = {"inputs": image, "kernel": _array(*size, 2, 6), "bias": bias, **every}
        yield Row(ops.conv, conv)
        yield Row(ops.depthwise_conv, {**conv, "kernel": _array(*size, 4, 2), "bias": _array(8)})
        transposed = {**conv, "kernel": _array(*size, 6, 4), "output_padding": None}
        yield Row(ops.conv_transpose, transposed)
    yield Row(ops.separate_kernel, {"kernel": _array(3, 2)})
    length = {"length": 9, "kernel": 3, "padding": 0, "stride": 1, "dilation": 1}
    yield Row(ops.output_length, length)


def _convolution_layers():
    names = [f"Conv{rank}D{kind}" for rank in (1, 2, 3) for kind in ("", "Transpose")]
    names += [f"{kind}Conv{rank}D" for kind in ("Depthwise", "Separable") for rank in (1, 2)]
    for name in [*names, "SpatiallySeparableConv2D"]:
        layer_class = getattr(layers, name)
        rank = next(int(letter) for letter in name if letter.isdigit())
        function, arguments = _called(layer_class, (*(5, 4, 6)[:rank], 4))
        parameters = inspect.signature(layer_class).parameters
        chosen = {"filters": 4, "kernel_size": 2}
        for parameter in parameters.values():
            if parameter.kind is not parameter.VAR_KEYWORD:
                default = chosen.get(parameter.name, parameter.default)
                if default is not parameter.empty:
                    arguments[parameter.name] = default
        yield Row(function, arguments, keras_own=True)


ROWS = [*_convolutions(), *_convolution_layers()]

VALUES = [
    *(None, True, False, -1, 0, 1, 2, 3, 7, 2**31 - 1, 2**31, 2**40, -(2**40)),
    *(1.5, 2.0, float("nan"), float("inf"), 1j),
    *("", "abc", "2", "same", "SAME", "causal", "channels_first", b"2", b"same", bytearray(b"11")),
    *([], (), [1], (1, 2), (1, 2, 3), (0, 1), (-1, 1), (1.5, 2), (None, 1), ("1", "1")),
    *((2**40, 1), [[1]], ((1, 1), (0, 2)), ((1, 1),), ((1, -1), (1, 1)), {1, 2}, {}, {"a": 1}),
    *(range(2), object(), np.int64(2), np.float32(2), np.float32("nan"), np.bool_(True)),
    *(np.array(2), np.array([2, 2]), np.array([1.5, 1.5]), np.array(["a"]), np.array([None])),
    *([[1, 2], [3]], np.ones(()), np.ones(1), np.ones(6), np.ones(6, "complex64"), np.zeros(0)),
    *(_array(2, 3), _array(2, 5, 4), _array(2, 5, 4, 4), _array(2, 5, 4, 6, 4), _array(1, 1, 1, 1)),
    *(_array(0, 5, 4, 4), _array(2, 0, 4, 4), _array(2, 5, 4, 0), _array(2, 2, 2, 6)),
    *(
        _array(2, 4, 6),
        _array(2, 2, 0, 6),
        _array(0, 2, 2, 6),
        _array(2, 2, 3, 5),
        _array(9, 9, 2, 6),
    ),
    *(np.ones((2, 5, 4, 4), "uint8"), np.ones((2, 5, 4, 4), bool), np.full((2, 5, 4, 4), np.nan)),
    *(np.ones((2, 5, 4, 4), "complex64"), np.full((2, 5, 4, 4), "a"), np.ones((2, 5, 4), "int64")),
]


def _calls(row: Row, number: int, seed: int):
    """Yields the arguments to replace, with their replacements."""
    generator = np.random.default_rng(seed)
    names = list(row.arguments)
    for _ in range(number):
        several = generator.choice(names, min(len(names), int(generator.integers(1, 3))), False)
        yield {name: VALUES[generator.integers(len(VALUES))] for name in several}


def _names_an_argument(row: Row, error: BaseException) -> bool:
    if not isinstance(error, ValueError | TypeError):
        return False
    names = set(row.arguments) | set(inspect.signature(row.function).parameters)
    if row.keras_own:  # "Could not interpret initializer identifier", "Input 0 of layer"
        names |= {name.rsplit("_", 1)[-1] for name in names} | {"Input", "input", "config"}
    said = str(error).split("Arguments received by")[0]  # where Keras lists them all
    if any(f"`{name}`" in said for name in names):
        return True
    return row.keras_own and any(name in said for name in names)


def _from_the_depths(row: Row, number: int, seed: int = 0) -> list[str]:
    found = []
    for replaced in _calls(row, number, seed):
        try:
            with refusal():
                row.function(**{**row.arguments, **replaced})
        except Exception as error:
            if not _names_an_argument(row, error):
                found.append(f"{row}({replaced!r}): {type(error).__name__}: {str(error)[:200]}")
    return found


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_arguments_of_the_table_are_taken(row):
    row.function(**row.arguments)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_errors_name_an_argument(row):
    found = _from_the_depths(row, 40 if BACKEND != "jax" else 15)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_errors_name_an_argument_in_many_calls(row):
    found = _from_the_depths(row, 400, seed=1)
    assert not found, "\n".join(found)


def test_what_comes_from_the_depths_is_found():
    """The test can fail."""

    def function(inputs):
        raise KeyError("inputs")

    def argued(inputs):
        raise ValueError("Argument `inputs` must be better.")

    assert len(_from_the_depths(Row(function, {"inputs": 1}), 20)) == 20
    assert not _from_the_depths(Row(argued, {"inputs": 1}), 20)
