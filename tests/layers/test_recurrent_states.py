"""States: where they begin, what is carried, and what a call may be given for them."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, models
from keras_dlnotes.common.graph import layers_of
from tests.gradcheck import assert_close, compare_gradients

SHAPE = (2, 4, 3)
UNITS = 2
DELAYED = {"output_gate": "delayed"}


def _layer(**more):
    return layers.LSTM(UNITS, **DELAYED, **more)


def _cell(**more):
    return keras.layers.RNN(layers.LSTMCell(UNITS, **DELAYED), **more)


def _both(**more):
    return layers.Bidirectional(layers.LSTM(UNITS, **DELAYED, **more))


def _keras_both(**more):
    return keras.layers.Bidirectional(layers.LSTM(UNITS, **DELAYED, **more))


every_form = pytest.mark.parametrize("form", [_layer, _cell, _both, _keras_both])


def _inputs(seed=0):
    return np.random.default_rng(seed).normal(size=SHAPE).astype("float32")


def _weights(layer, seed=1):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=weight.shape) for weight in layer.weights]


def _array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def _fresh(form, seed=1):
    """What a layer that carries no states computes with these weights."""
    layer = form()
    layer.build(SHAPE)
    layer.set_weights(_weights(layer, seed))
    return _array(layer(_inputs()))


def _model(form):
    model = keras.Sequential([keras.Input(batch_shape=SHAPE), form(stateful=True)])
    model.set_weights(_weights(model))
    return model


@every_form
def test_a_delayed_gate_begins_at_its_bias_whenever_that_was_set(form, tmp_path):
    model, x, expected = _model(form), _inputs(), _fresh(form)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    clone = keras.models.clone_model(model)
    clone.load_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = type(model.layers[0]).from_config(model.layers[0].get_config())
    again.build(SHAPE)
    again.set_weights(model.get_weights())
    for layer in (model, clone, loaded, again):
        assert_close([_array(layer(x))], [expected], 1e-6)


@every_form
def test_a_delayed_gate_begins_at_its_bias_after_a_reset(form):
    model, x, expected = _model(form), _inputs(), _fresh(form)
    model(x)
    assert np.abs(_array(model(x)) - expected).max() > 1e-3  # states are carried
    model.layers[0].reset_state()
    assert_close([_array(model(x))], [expected], 1e-6)
    model.layers[0].reset_state()
    model.set_weights(_weights(model, seed=2))  # as an optimizer's step or a file does
    assert_close([_array(model(x))], [_fresh(form, seed=2)], 1e-6)


def test_rows_begin_one_by_one():
    layer = _layer(stateful=True, return_state=True)
    layer.build(SHAPE)
    layer.set_weights(_weights(layer))
    first, *_ = layer(_inputs())
    for state in layer.states:
        state.assign(keras.ops.where(np.array([[True], [False]]), 0 * state.value, state.value))
    again, *_ = layer(_inputs())
    assert_close([_array(again)[0]], [_array(first)[0]], 1e-6)
    assert np.abs(_array(again)[1] - _array(first)[1]).max() > 1e-3


def test_the_first_gate_has_its_part_in_the_gradient_of_the_bias():
    layer, looped = _layer(), _cell()
    for entry in (layer, looped):
        entry.build(SHAPE)
        entry.set_weights(_weights(entry))

    def call(entry):
        rest = [variable.value for variable in entry.non_trainable_variables]
        return lambda x, *weights: entry.stateless_call(list(weights), rest, x)[0]

    weights = [_array(weight.value) for weight in layer.weights]
    compare_gradients(call(layer), call(looped), [_inputs(), *weights], tolerance=2e-6)


def test_a_stack_begins_at_its_biases():
    stack = keras.layers.RNN([layers.LSTMCell(UNITS, **DELAYED) for _ in range(2)])
    chain = keras.Sequential([_layer(return_sequences=True), _layer()])
    for layer in (stack, chain):
        layer.build(SHAPE)
        layer.set_weights(_weights(layer))
    assert_close([_array(stack(_inputs()))], [_array(chain(_inputs()))], 1e-6)


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_a_language_model_begins_anew_after_a_reset(cell):
    model = models.language_model(7, units=3, embedding_dim=2, cell=cell, stateful=True)
    ids = np.array([[1, 2, 3]])
    inputs = keras.Input(batch_shape=(1, 3), dtype="int32")
    model = keras.Model(inputs, model(inputs)) if model.inputs[0].shape[0] != 1 else model
    first = _array(model(ids))
    assert np.abs(_array(model(ids)) - first).max() > 1e-6
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.RNN):
            layer.reset_state()
    assert_close([_array(model(ids))], [first], 1e-6)


def _named(name, call):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be"):
        call()


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_a_wrong_number_of_states_is_named(count):
    states = [np.ones((2, UNITS), "float32")] * count
    x = _inputs()
    _named("initial_state", lambda: layers.LSTM(UNITS)(x, initial_state=states))
    if count != 4:
        both = layers.Bidirectional(layers.LSTM(UNITS))
        _named("initial_state", lambda: both(x, initial_state=states))
    if count != 1:
        for layer in (layers.SimpleRNN(UNITS), layers.GRU(UNITS)):
            _named("initial_state", lambda layer=layer: layer(x, initial_state=states))
    if count:
        looped = keras.layers.RNN(layers.LSTMCell(UNITS))
        _named("states", lambda: looped(x, initial_state=states))


@pytest.mark.parametrize("shape", [(2, 5), (3, UNITS), (UNITS,), ()])
def test_states_of_another_shape_are_named(shape):
    state, right = np.ones(shape, "float32"), np.ones((2, UNITS), "float32")
    x = _inputs()
    for layer in (layers.SimpleRNN(UNITS), layers.GRU(UNITS)):
        _named("initial_state", lambda layer=layer: layer(x, initial_state=[state]))
    for layer in (layers.LSTM(UNITS), layers.Bidirectional(layers.GRU(UNITS))):
        _named("initial_state", lambda layer=layer: layer(x, initial_state=[right, state]))
    symbolic = keras.Input(batch_shape=shape)
    _named("initial_state", lambda: layers.GRU(UNITS)(x, initial_state=[symbolic]))


def test_one_state_need_not_stand_in_a_list():
    x, state = _inputs(), np.ones((2, UNITS), "float32")
    for layer in (layers.SimpleRNN(UNITS), layers.GRU(UNITS)):
        found = [_array(layer(x, initial_state=given)) for given in (state, [state])]
        assert_close(found[:1], found[1:], 0)


def test_directions_with_different_states_begin_at_their_own_alone():
    mixed = layers.Bidirectional(
        layers.LSTM(UNITS), backward_layer=layers.GRU(UNITS, go_backwards=True)
    )
    assert mixed(_inputs()).shape == (2, 2 * UNITS)
    states = [np.ones((2, UNITS), "float32")] * 3
    _named("initial_state", lambda: mixed(_inputs(), initial_state=states))
