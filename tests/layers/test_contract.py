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
from tests.gradcheck import assert_close, compare_gradients
from tests.layers.cases import CASES

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_class = pytest.mark.parametrize("name", layers.__all__)

# where a layer's default is the notes' and not Keras's
DIFFERENT_DEFAULTS = {("BatchNormalization", "moving_statistic"), ("GRU", "reset_after")}


def _inputs(case, batch=3):
    generator = np.random.default_rng(0)
    return generator.normal(size=(batch, *case.input_shape)).astype("float32")


def _model(layer, shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


def test_every_layer_is_in_the_table():
    assert {case.name for case in CASES} == set(layers.__all__)


@every_case
def test_config_survives(case):
    layer = case.layer(name="layer")
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    for name, value in case.arguments.items():
        kept = getattr(again, name)
        assert (
            kept == value
            or keras.tree.flatten(kept)
            == keras.tree.flatten((value,) * len(kept) if isinstance(value, int) else value)
            or callable(kept)
        )


@every_case
def test_symbolic_eager_cloned_and_unknown_sizes_agree(case):
    layer, x = case.layer(), _inputs(case)
    expected = keras.ops.convert_to_numpy(layer(x))
    assert layer.compute_output_shape(x.shape) == expected.shape
    model = _model(layer, case.input_shape)
    assert model.output_shape == (None, *expected.shape[1:])
    assert_close([model.predict(x, batch_size=2, verbose=0)], [expected])
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_close([clone.predict(x, verbose=0)], [expected])

    channels = 0 if case.arguments.get("data_format") == "channels_first" else -1
    unknown = [None] * len(case.input_shape)
    unknown[channels] = case.input_shape[channels]
    open_model = _model(layer, tuple(unknown))
    assert_close([open_model.predict(x, verbose=0)], [expected])


@every_case
def test_one_training_step(case):
    """One step of gradient descent changes every weight and lowers the loss."""
    inputs = keras.Input(case.input_shape)
    hidden = keras.layers.Dense(case.input_shape[-1])(inputs)  # so that ∂E/∂x matters, too
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(case.layer()(hidden)))
    model = keras.Model(inputs, outputs)
    x, y = _inputs(case, batch=4), np.ones((4, 2), "float32")
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    before = model.get_weights()
    first = model.train_on_batch(x, y)
    assert model.train_on_batch(x, y) < first
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.abs(old - new).max() > 0


@every_case
def test_mixed_bfloat16_keeps_float32_weights(case):
    layer, x = case.layer(), _inputs(case)
    mixed = case.layer(dtype="mixed_bfloat16")
    expected = keras.ops.convert_to_numpy(layer(x))
    mixed.build(x.shape)
    mixed.set_weights(layer.get_weights())
    found = mixed(x)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    assert all(weight.dtype == "float32" for weight in mixed.weights)
    found = keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))
    assert_close([found], [expected], tolerance=0.03)


@every_class
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
    if case.arguments.get("data_format") == "channels_first" and "Conv" in case.name:
        pytest.skip("TensorFlow convolves channels first on a GPU alone")
    if keras.backend.backend() == "torch" and "Average" in case.name and "same" in str(case):
        pytest.skip("Keras counts the padding of an average on PyTorch, and nowhere else")
    layer, x = case.layer(), _inputs(case)
    layer.build(x.shape)
    twin.build(x.shape)
    assert [w.path.split("/")[-1] for w in layer.weights] == [
        w.path.split("/")[-1] for w in twin.weights
    ]
    twin.set_weights(layer.get_weights())
    if layer.weights:
        arrays = [x, *layer.get_weights()]

        def stateless(chosen):
            count = len(chosen.trainable_variables)
            return lambda x, *weights: chosen.stateless_call(
                list(weights[:count]), list(weights[count:]), x
            )[0]

        compare_gradients(stateless(layer), stateless(twin), arrays, tolerance=1e-6)
    else:
        compare_gradients(layer, twin, [x], tolerance=1e-6)


LOAD = """
import sys, keras, keras_dlnotes, numpy as np
for folder in sys.argv[1:]:
    model = keras.saving.load_model(folder + "/model.keras")
    arrays = np.load(folder + "/arrays.npz")
    found = keras.ops.convert_to_numpy(model(arrays["x"]))
    np.testing.assert_allclose(found, arrays["y"], atol=1e-5)
print("loaded", len(sys.argv) - 1)
"""


def test_saved_models_load_in_a_fresh_process(tmp_path):
    folders = []
    for number, case in enumerate(CASES):
        model, x = _model(case.layer(), case.input_shape), _inputs(case)
        folder = tmp_path / str(number)
        folder.mkdir()
        model.save(folder / "model.keras")
        np.savez(folder / "arrays.npz", x=x, y=keras.ops.convert_to_numpy(model(x)))
        folders.append(str(folder))
    command = [sys.executable, "-c", LOAD, *folders]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert f"loaded {len(CASES)}" in result.stdout, result.stderr[-2000:]
