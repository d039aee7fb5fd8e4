"""What every layer promises, for every row of the contract table."""

import inspect
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.layers.signature import keras_twin
from tests.backends import BACKEND
from tests.gradcheck import assert_close, compare_gradients
from tests.layers.cases import CASES

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_class = pytest.mark.parametrize("name", layers.__all__)
every_twin = pytest.mark.parametrize(
    "name", [name for name in layers.__all__ if hasattr(keras.layers, name)]
)

# what turns these arguments, which may be names, into what a layer keeps
GETTERS = {
    "activation": keras.activations.get,
    "kernel_regularizer": keras.regularizers.get,
}
# where a layer's default is the notes' and not Keras's
DIFFERENT_DEFAULTS = {
    ("BatchNormalization", "moving_statistic"),
    ("GRU", "reset_after"),
    ("GRUCell", "reset_after"),
}
# what TensorFlow says on a processor without AVX-512
NO_DILATION = "CPU implementations do not yet support dilation rates larger than 1"


def _model(layer, inputs, unknown_axes=()):
    """A model of the layer alone, for inputs like these, with some lengths left open."""

    def symbolic(array):
        lengths = [
            None if axis in unknown_axes else length for axis, length in enumerate(array.shape)
        ]
        return keras.Input(lengths[1:], dtype=array.dtype)

    symbols = keras.tree.map_structure(symbolic, inputs)
    return keras.Model(symbols, layer(symbols))


def _arrays(outputs):
    """A layer's outputs as a list of arrays."""
    return [keras.ops.convert_to_numpy(output) for output in keras.tree.flatten(outputs)]


def _shapes(outputs):
    return [tuple(output.shape) for output in keras.tree.flatten(outputs)]


def test_every_layer_is_in_the_table():
    assert {case.name for case in CASES} == set(layers.__all__)


@every_case
def test_config_survives(case):
    layer = case.layer(name="layer")
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    for name, value in case.arguments.items():
        if name in ("branch", "layer"):  # layers, whose configs are compared above
            continue
        kept = getattr(again, name)
        if name in GETTERS:
            expected = GETTERS[name](value)
            assert type(kept) is type(expected)
            serialize = keras.saving.serialize_keras_object
            assert serialize(kept) == serialize(expected)
        elif isinstance(kept, tuple) and isinstance(value, int):
            assert kept == (value,) * len(kept)
        else:
            assert kept == value


@pytest.mark.sampled(8)
@every_case
def test_symbolic_eager_cloned_and_unknown_sizes_agree(case):
    layer, x = case.runnable(case.layer()), case.inputs()
    expected = _arrays(layer(x))
    shapes = keras.tree.map_structure(lambda array: array.shape, x)
    found = layer.compute_output_shape(shapes)
    assert (list(found) if len(expected) > 1 else [found]) == [array.shape for array in expected]
    model = _model(layer, x)
    assert _shapes(model.outputs) == [(None, *array.shape[1:]) for array in expected]
    assert_close(_arrays(model(x)), expected)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_close(_arrays(clone(x)), expected)

    rank = len(case.input_shape)
    channels = 1 if case.arguments.get("data_format") == "channels_first" else rank
    open_model = _model(layer, x, unknown_axes=set(range(1, rank + 1)) - {channels})
    # batches of 2 and 1: traced for a known size, then for any
    assert_close(_arrays(open_model.predict(x, batch_size=2, verbose=0)), expected)


@pytest.mark.sampled(8)
@every_case
def test_one_training_step(case):
    """One step of gradient descent changes every weight and lowers the loss."""
    x, y = case.inputs(batch=4), np.ones((4, 2), "float32")
    arrays = keras.tree.flatten(x)
    inputs = [keras.Input(array.shape[1:], dtype=array.dtype) for array in arrays]
    hidden = keras.layers.Dense(case.input_shape[-1])(inputs[0])  # so that ∂E/∂x matters, too
    outputs = case.runnable(case.layer())(hidden if len(inputs) == 1 else [hidden, *inputs[1:]])
    outputs = keras.layers.Flatten()(keras.tree.flatten(outputs)[0])
    model = keras.Model(inputs if len(inputs) > 1 else inputs[0], keras.layers.Dense(2)(outputs))
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    before = model.get_weights()
    first = model.train_on_batch(x, y)
    assert model.train_on_batch(x, y) < first
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.abs(old - new).max() > 0


@pytest.mark.sampled(8)
@every_case
def test_mixed_bfloat16_keeps_float32_weights(case):
    layer, x = case.runnable(case.layer()), case.inputs()
    mixed = case.runnable(case.layer(dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    expected = _arrays(layer(x))[0]
    mixed(x)
    mixed.set_weights(layer.get_weights())
    found = keras.tree.flatten(mixed(x))[0]
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    assert all(weight.dtype == "float32" for weight in mixed.weights)
    found = keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))
    assert_close([found], [expected], tolerance=0.03)


@every_twin
def test_signature_is_the_twins(name):
    ours, twin = getattr(layers, name), keras_twin(getattr(layers, name))
    assert twin is getattr(keras.layers, name)
    assert issubclass(ours, twin)
    parameters = inspect.signature(ours).parameters
    for position, (argument, expected) in enumerate(inspect.signature(twin).parameters.items()):
        if expected.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        assert list(parameters)[position] == argument
        if (name, argument) not in DIFFERENT_DEFAULTS:
            assert parameters[argument].default == expected.default


def test_a_subclass_has_the_same_twin():
    """Even one that Keras derives, as its own tests do."""

    class Subclass(layers.MaxPooling2D):
        __module__ = "keras.src.testing"

    assert keras_twin(Subclass) is keras.layers.MaxPooling2D
    assert Subclass(3).pool_size == (3, 3)


@every_case
def test_signature_of_an_instance_is_that_of_its_call(case):
    parameters = inspect.signature(case.layer()).parameters
    assert "args" in parameters or "inputs" in parameters or "sequences" in parameters
    for argument in case.arguments:
        assert argument in inspect.signature(type(case.layer())).parameters


@every_class
def test_docstring_has_every_part(name):
    documentation = inspect.getdoc(getattr(layers, name))
    parts = ("Args:", "Input shape:", "Output shape:", "Raises:", "Reference:", "Example:", ">>>")
    positions = [documentation.index(part) for part in parts]
    assert positions == sorted(positions)


@every_case
def test_values_weights_and_gradients_are_the_twins(case):
    twin = case.twin_layer()
    if twin is None:
        pytest.skip("Keras has no such layer")
    first = case.arguments.get("data_format") == "channels_first"
    if BACKEND == "tensorflow" and first and "Conv" in case.name:
        pytest.skip("TensorFlow convolves channels first only on a GPU")
    if BACKEND == "torch" and "Average" in case.name and "same" in str(case):
        pytest.skip("Keras repeats the edge for an uneven average on PyTorch, not elsewhere")
    layer, twin, x = case.runnable(case.layer()), case.runnable(twin), case.inputs()
    layer.build(x.shape)
    twin.build(x.shape)
    assert [w.path.split("/")[-1] for w in layer.weights] == [
        w.path.split("/")[-1] for w in twin.weights
    ]
    twin.set_weights(layer.get_weights())
    try:
        twin(x)
    except Exception as error:
        if NO_DILATION not in str(error):
            raise
        pytest.skip("TensorFlow has no dilated transposed convolution for this processor")
    if layer.weights:
        arrays = [x, *layer.get_weights()]

        def stateless(chosen):
            def call(x, *weights):
                given = dict(zip(map(id, chosen.weights), weights, strict=True))
                # beside weights there may be the state of a random generator
                values = [
                    [given.get(id(variable), variable.value) for variable in variables]
                    for variables in (chosen.trainable_variables, chosen.non_trainable_variables)
                ]
                return chosen.stateless_call(*values, x)[0]

            return call

        compare_gradients(stateless(layer), stateless(twin), arrays, tolerance=1e-6)
    else:
        compare_gradients(layer, twin, [x], tolerance=1e-6)


LOAD = """
import sys, keras, keras_dlnotes, numpy as np
for folder in sys.argv[1:]:
    model = keras.saving.load_model(folder + "/model.keras")
    arrays = np.load(folder + "/arrays.npz")
    inputs = [arrays[name] for name in arrays if name.startswith("x")]
    found = keras.tree.flatten(model(inputs if len(inputs) > 1 else inputs[0]))
    for number, output in enumerate(found):
        output = keras.ops.convert_to_numpy(output)
        np.testing.assert_allclose(output, arrays[f"y{number}"], atol=1e-5)
print("loaded", len(sys.argv) - 1)
"""


@pytest.mark.thorough
def test_saved_models_load_in_a_fresh_process(tmp_path):
    folders = []
    for number, case in enumerate(CASES):
        x = case.inputs()
        model = _model(case.runnable(case.layer()), x)
        folder = tmp_path / str(number)
        folder.mkdir()
        model.save(folder / "model.keras")
        inputs = {f"x{number}": array for number, array in enumerate(keras.tree.flatten(x))}
        outputs = {f"y{number}": array for number, array in enumerate(_arrays(model(x)))}
        np.savez(folder / "arrays.npz", **inputs, **outputs)
        folders.append(str(folder))
    command = [sys.executable, "-c", LOAD, *folders]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert f"loaded {len(CASES)}" in result.stdout, result.stderr[-2000:]
