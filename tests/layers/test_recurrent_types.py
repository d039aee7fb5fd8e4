"""Integers, booleans and half precision through recurrent layers, cells and Keras's own loop."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import only_on
from tests.gradcheck import assert_close

SHAPE = (2, 3, 2)
UNITS = 2
INTEGERS = ["int32", "uint8", "bool"]
FORMS = {
    "SimpleRNN": lambda **more: layers.SimpleRNN(UNITS, **more),
    "LSTM": lambda **more: layers.LSTM(UNITS, **more),
    "LSTM delayed": lambda **more: layers.LSTM(UNITS, output_gate="delayed", **more),
    "GRU": lambda **more: layers.GRU(UNITS, **more),
    "GRU reset after": lambda **more: layers.GRU(UNITS, reset_after=True, **more),
    "in Keras's loop": lambda **more: layers.LSTM(UNITS, activation="silu", **more),
    "both directions": lambda **more: layers.Bidirectional(layers.LSTM(UNITS, **more), **more),
    "a cell": lambda **more: keras.layers.RNN(layers.LSTMCell(UNITS, **more), **more),
    "a stack": lambda **more: keras.layers.RNN(
        keras.layers.StackedRNNCells(
            [layers.GRUCell(3, **more), layers.SimpleRNNCell(UNITS, **more)], **more
        ),
        **more,
    ),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def _whole(dtype):
    return (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 4).astype(dtype)


def _made(form, **more):
    """The layer with random weights: a bias of 0 has no fraction to lose."""
    layer = form(**more)
    layer.build(SHAPE)
    generator = np.random.default_rng(0)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.weights])
    return layer


def _arrays(outputs):
    flat = keras.tree.flatten(outputs)
    return [keras.ops.convert_to_numpy(keras.ops.cast(entry, "float32")) for entry in flat]


def _types(outputs):
    return {keras.backend.standardize_dtype(entry.dtype) for entry in keras.tree.flatten(outputs)}


@pytest.mark.sampled(4)
@every_form
@pytest.mark.parametrize("dtype", INTEGERS)
def test_whole_numbers_are_computed_as_the_floats_that_they_are(form, dtype):
    x, layer = _whole(dtype), _made(form)
    found, expected = layer(x), layer(x.astype("float32"))
    assert _types(found) == {"float32"}
    assert_close(_arrays(found), _arrays(expected), 0)
    assert _types(layer.compute_output_spec(keras.Input(SHAPE[1:], dtype=dtype))) == {"float32"}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "a cell"])
def test_noise_of_whole_numbers_is_not_whole(name, training):
    noise = {"dropout": 0.3, "recurrent_dropout": 0.3, "seed": 1}

    def cell():
        return keras.layers.RNN(layers.LSTMCell(UNITS, **noise))

    noisy = [_made(cell) if name == "a cell" else _made(FORMS[name], **noise) for _ in range(2)]
    x = _whole("int32")
    found, expected = noisy[0](x, training=training), noisy[1](x * 1.0, training=training)
    assert_close(_arrays(found), _arrays(expected), 0)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "a cell"])
def test_states_and_masks_may_be_whole_numbers(name):
    x = _whole("int32")
    if name == "a cell":
        layer = _made(lambda: keras.layers.RNN(layers.LSTMCell(UNITS), return_state=True))
    else:
        layer = _made(FORMS[name], return_state=True)
    states = [np.ones((2, UNITS), "int32")] * len(layer.state_size)
    mask = np.array([[1, 1, 0], [0, 1, 1]])
    more = {} if name == "a cell" else {"mask": keras.ops.convert_to_tensor(mask)}
    found = layer(x, initial_state=states, **more)
    more = {name: keras.ops.cast(value, "bool") for name, value in more.items()}
    expected = layer(x * 1.0, initial_state=[state * 1.0 for state in states], **more)
    assert _types(found) == {"float32"}
    assert_close(_arrays(found), _arrays(expected), 0)


def test_a_model_of_whole_numbers():
    inputs = keras.Input(SHAPE[1:], batch_size=2, dtype="int32")
    outputs = layers.LSTM(UNITS, stateful=True)(layers.GRU(UNITS, return_sequences=True)(inputs))
    model, x = keras.Model(inputs, outputs), _whole("int32")
    found = model.predict(x, verbose=0)
    assert outputs.dtype == "float32" and found.dtype == np.float32
    by_hand = model.layers[1](x * 1.0)
    model.layers[2].reset_state()
    assert_close([found], _arrays(model.layers[2](by_hand)), 1e-6)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "policy",
    [
        "mixed_bfloat16",
        "float16",
        pytest.param("float64", marks=only_on("tensorflow", "torch", reason="needs float64")),
    ],
)
@every_form
def test_whole_numbers_under_a_policy(form, policy):
    layer, x = _made(form, dtype=policy), _whole("int32")
    found = layer(x)
    assert _types(found) == {policy.removeprefix("mixed_")}
    assert_close(_arrays(found), _arrays(_made(form)(x)), 1e-6 if policy == "float64" else 2e-2)


@every_form
def test_complex_numbers_are_refused(form):
    with pytest.raises(ValueError, match=r"Argument `(sequences|inputs)` must be a tensor of real"):
        form()(_whole("complex64"))


@pytest.mark.parametrize("name", ["LSTM", "both directions"])
def test_complex_numbers_are_refused_before_there_are_any(name):
    with pytest.raises(ValueError, match="Argument `sequences` must be a tensor of real"):
        FORMS[name]()(keras.Input(SHAPE[1:], dtype="complex64"))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("activation", ["linear", "identity of no name"])
def test_what_is_added_up_over_a_thousand_steps_is_not_rounded_at_each(activation, dtype):
    steps, function = 1000, activation if activation == "linear" else lambda a: 1 * a
    layer = layers.SimpleRNN(1, activation=function, dtype=dtype)
    layer.build((1, steps, 1))
    layer.set_weights([np.ones((1, 1)), np.ones((1, 1)), np.zeros(1)])
    x = np.random.default_rng(0).uniform(0, 2, (1, steps, 1))
    x = _arrays(keras.ops.cast(x, dtype))[0]
    exact = x.astype("float64").sum()
    rounding = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    np.testing.assert_allclose(_arrays(layer(x))[0], [[exact]], rtol=rounding)
