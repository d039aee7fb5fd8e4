"""For any arguments, a layer answers what a slow loop answers, or says what is wrong.

A case is drawn (`drawing`): layer, arguments, layout, types, sizes. The layer must answer what the
reference does (`expected`) in the type that the rules of types give, say the same shape and type of
a symbolic input, and come back from its config; or raise an error that names an argument.
"""

import inspect
import json
import re

import keras
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_dlnotes import layers
from tests.layers.drawing import FAMILIES, STATES, Drawn, cases
from tests.layers.expected import Refused, expected, pooled, refuses

pytestmark = pytest.mark.compiled

# the largest error in units of the compute type's precision, of the largest number
TOLERANCE = 32


def made(case: Drawn) -> keras.Layer:
    """The layer, as a user would write it."""
    arguments = {**case.arguments, "dtype": case.policy}
    if case.name == "Residual":
        layout = {"data_format": arguments.pop("data_format")}
        policy = {"dtype": arguments.pop("dtype")}
        convolution = layers.Conv2D(**arguments, **layout, **policy)
        return layers.Residual([convolution], activation="relu", **layout, **policy)
    if case.name == "Bidirectional":
        own = {"merge_mode": arguments.pop("merge_mode"), "dtype": case.policy}
        layer = getattr(layers, arguments.pop("layer"))(**arguments)
        return layers.Bidirectional(layer, **own)
    layer = getattr(layers, case.name)(**arguments)
    if case.name.endswith("Cell"):
        return keras.layers.RNN(layer, return_sequences=True, dtype=case.policy)
    return layer


def called_on(case: Drawn):
    """The inputs as tensors, and the other arguments of the call."""
    generator = np.random.default_rng(case.seed + 1)
    call = dict(case.call)
    x = keras.ops.cast(case.values(), case.dtype)
    if case.name == "MaxUnpooling2D":
        values, positions = pooled(case, exact(seen(case)))
        x = [keras.ops.cast(values, case.dtype), keras.ops.cast(positions, "int32")]
        size = case.shape[1:-1] if call["output_size"] else None
        call["output_size"] = size
    if call.get("mask"):
        call["mask"] = generator.integers(0, 2, case.shape[:-1]).astype(bool)
    else:
        call.pop("mask", None)
    if call.pop("initial_state", False):
        count = STATES[case.name.removesuffix("Cell")]
        count += case.arguments.get("output_gate") == "delayed"
        shape = case.shape[0], case.arguments["units"]
        call["initial_state"] = [
            keras.ops.cast(generator.normal(size=shape), compute_type(case)) for _ in range(count)
        ]
    if case.is_first:
        x = keras.tree.map_structure(lambda tensor: keras.ops.moveaxis(tensor, -1, 1), x)
    return x, call


def keeps_whole_numbers(case: Drawn) -> bool:
    """Whether the layer only selects values and computes nothing."""
    return case.name.startswith("MaxPooling") and not keras.backend.is_float_dtype(case.dtype)


def seen(case: Drawn):
    """The input as the layer sees it: rounded to its own type, then to the compute type."""
    x = keras.ops.cast(case.values(), case.dtype)
    return x if keeps_whole_numbers(case) else keras.ops.cast(x, compute_type(case))


def compute_type(case: Drawn) -> str:
    return keras.DTypePolicy(case.policy).compute_dtype


def exact(tensor) -> np.ndarray:
    """The numbers of a tensor in float64."""
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype("float64")


def with_random_weights(layer, case: Drawn) -> dict[str, list[np.ndarray]]:
    """Gives the layer weights that its types can hold; returns them by name, in order."""
    generator, weights = np.random.default_rng(case.seed + 2), {}
    for variable in layer.weights:
        value = generator.normal(size=variable.shape)
        if "variance" in variable.name:
            value = np.abs(value) + 0.1
        variable.assign(keras.ops.cast(value, compute_type(case)))
        weights.setdefault(variable.name, []).append(exact(variable.value))
    return weights


def names_in(error: Exception) -> set[str]:
    """What an error names: `name`, or name=value."""
    return set(re.findall(r"\b\w+\b(?=`|=)", str(error)))


def arguments_of(case: Drawn) -> set[str]:
    """The arguments of the constructor, of a layer inside it, and of the call."""
    inner = dict.fromkeys(("Residual", "DenseBlock"), "Conv2D")
    inner["Bidirectional"] = case.arguments.get("layer")
    names = case.name, inner.get(case.name, case.name)
    signatures = (inspect.signature(getattr(layers, name)) for name in names)
    of_constructor = {name for signature in signatures for name in signature.parameters}
    return of_constructor | {"inputs", "sequences", "indices"}


def answers(case: Drawn):
    """The layer, its outputs as tensors, its inputs and weights."""
    layer = made(case)
    x, call = called_on(case)
    layer.build(keras.tree.map_structure(lambda tensor: tuple(tensor.shape), x))
    weights = with_random_weights(layer, case)
    return layer, keras.tree.flatten(layer(x, **call)), x, call, weights


def check(case: Drawn) -> None:
    """Raises AssertionError where the layer is wrong."""
    if case.wrong is not None:
        with pytest.raises(ValueError) as error:
            answers(case)
        assert case.wrong in names_in(error.value), error.value
        return
    try:
        layer, outputs, x, call, weights = answers(case)
    except ValueError as error:
        assert names_in(error) & arguments_of(case), error
        assert case.is_empty or refuses(case, case.values()), f"it could have answered: {error}"
        return
    check_symbolic(case, layer, x, outputs)
    check_numbers(case, outputs, call, weights)


def check_symbolic(case, layer, x, outputs) -> None:
    """What the layer predicts for a symbolic input, after a round trip of its config."""
    config = json.dumps(layer.get_config())
    again = type(layer).from_config(json.loads(config))
    assert json.loads(json.dumps(again.get_config())) == json.loads(config)
    symbols = keras.tree.map_structure(
        lambda tensor: keras.Input(
            batch_shape=tuple(tensor.shape), dtype=keras.backend.standardize_dtype(tensor.dtype)
        ),
        x,
    )
    size = case.name == "MaxUnpooling2D" and case.call["output_size"]
    call = {"output_size": case.shape[1:-1]} if size else {}
    said = keras.tree.flatten(again(symbols, **call))
    assert [(tuple(entry.shape), entry.dtype) for entry in said] == [
        (tuple(entry.shape), keras.backend.standardize_dtype(entry.dtype)) for entry in outputs
    ]


def check_numbers(case, outputs, call, weights) -> None:
    given, dtype = exact(seen(case)), compute_type(case)
    numbers = case._replace(call=keras.tree.map_structure(_exact_state, call_of(case, call)))
    if case.name not in ("Bidirectional", "Residual", "DenseBlock"):
        weights = {name: values[0] for name, values in weights.items()}
    try:
        wanted = expected(numbers, weights, given)
    except Refused:  # no number is right where there is nothing to compute with
        assert case.is_empty
        return
    types = [case.dtype if keeps_whole_numbers(case) else dtype] * len(wanted)
    if case.arguments.get("return_indices"):
        types[1] = "int32"
    assert [keras.backend.standardize_dtype(found.dtype) for found in outputs] == types
    precision = float(ml_dtypes.finfo(dtype).eps)
    for found, answer in zip(outputs, wanted, strict=True):
        assert tuple(found.shape) == answer.shape
        if answer.size:
            difference = np.abs(exact(found) - answer).max()
            largest = max(np.abs(answer).max(), np.abs(given).max(initial=1))
            assert difference <= TOLERANCE * precision * largest


def call_of(case, call):
    return {**case.call, "mask": call.get("mask"), "initial_state": call.get("initial_state")}


def _exact_state(entry):
    return exact(entry) if keras.ops.is_tensor(entry) else entry


def examples(count):
    """Settings for this many examples over all families, the same each time."""
    return settings(
        max_examples=count // len(FAMILIES),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.mark.sampled(4)
@every_family
@given(data=st.data())
@examples(100)
def test_drawn_layers_answer_or_refuse_by_name(family, data):
    check(data.draw(cases(family)))


@pytest.mark.slow
@every_family
@given(data=st.data())
@examples(2000)
def test_many_drawn_layers_answer_or_refuse_by_name(family, data):
    check(data.draw(cases(family)))
