"""The flow of the gradient through recurrent layers of every kind, by the op or cell by cell."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from keras_dlnotes.reports import gradient_flow

L = keras.layers
T, D, U = 6, 3, 4
PAIRS = [(L.SimpleRNN, "simple"), (L.LSTM, "lstm"), (L.GRU, "gru"), (layers.LSTM, "lstm")]


@keras.saving.register_keras_serializable(package="tests")
class OwnCell(L.LSTMCell):
    """Computes what LSTMCell does, which its class does not show."""


def batch(*shape) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def weighted(weights):
    weights = keras.ops.convert_to_tensor(weights)
    return lambda outputs: keras.ops.sum(outputs * weights)


def norms(frame, layer) -> np.ndarray:
    return np.asarray(frame["norm"][frame["layer"] == layer])


def of_op(upstream, inputs, layer, cell, **settings) -> np.ndarray:
    """The norm at each step by `ops.gradient_flow`, over the batch."""
    if cell == "gru":
        settings["reset_after"] = layer.reset_after
    found = ops.gradient_flow(upstream, inputs, *layer.get_weights(), cell=cell, **settings)
    return np.linalg.norm(keras.ops.convert_to_numpy(found), axis=0)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("truncate", [1, 4, None])
@pytest.mark.parametrize(
    ("layer_class", "cell"), [(layers.SimpleRNN, "simple"), (layers.LSTM, "lstm")]
)
def test_the_gradient_of_a_truncated_layer_ends_where_its_blocks_do(layer_class, cell, truncate):
    inputs, weights = batch(2, T, D), batch(2, U)
    layer = layer_class(U, truncate=truncate, name="rnn")
    model = keras.Sequential([keras.Input((T, D)), layer])
    frame = gradient_flow(model, inputs, loss=weighted(weights))
    expected = of_op(weights, inputs, layer, cell, truncate=truncate)
    np.testing.assert_allclose(norms(frame, "rnn"), expected, rtol=1e-5)
    within = {1: [5], 4: [4, 5], None: range(T)}[truncate]
    np.testing.assert_array_equal(np.flatnonzero(norms(frame, "rnn")), within)
    assert set(frame["flag"]) == {""}


@pytest.mark.parametrize(("layer_class", "cell"), PAIRS)
def test_the_gradient_reaches_an_encoder_through_its_last_states(layer_class, cell):
    """A layer that starts from the states it ended with reads one sequence of twice the length."""
    layer = layer_class(U, return_state=True, name="rnn")
    source, target = keras.Input((T, D)), keras.Input((T, D))
    _, *states = layer(source)
    model = keras.Model([source, target], layer(target, initial_state=states)[0])
    inputs, weights = batch(2, 2 * T, D), batch(2, U)
    frame = gradient_flow(model, [inputs[:, :T], inputs[:, T:]], loss=weighted(weights))
    expected = of_op(weights, inputs, layer, cell)
    np.testing.assert_allclose(norms(frame, "rnn"), expected[:T], rtol=1e-5)
    np.testing.assert_allclose(norms(frame, "rnn (call 2)"), expected[T:], rtol=1e-5)


def test_a_stateful_layer_starts_from_the_states_it_has():
    inputs, weights = batch(2, 2 * T, D), batch(2, U)
    layer = L.LSTM(U, stateful=True, name="rnn")
    model = keras.Sequential([keras.Input(batch_shape=(2, T, D)), layer])
    model(inputs[:, :T])
    frame = gradient_flow(model, inputs[:, T:], loss=weighted(weights))
    expected = of_op(weights, inputs, layer, "lstm")[T:]
    np.testing.assert_allclose(norms(frame, "rnn"), expected, rtol=1e-5)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("outer", [L.Bidirectional, layers.Bidirectional])
def test_cell_by_cell_or_by_the_op_it_is_the_same(outer, merge_mode):
    """In both directions, with holes in the mask, zeros for them, and all states returned."""
    settings = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}
    inputs, mask = batch(2, T, D), np.ones((2, T), bool)
    mask[0, 2:4] = mask[1, :3] = False
    inputs[~mask] = 0
    found = []
    for cell in (L.LSTMCell(U), OwnCell(U)):
        pair = outer(L.RNN(cell, **settings, name="rnn"), merge_mode, name="both")
        entrance = keras.Input((T, D))
        model = keras.Model(entrance, pair(L.Masking()(entrance)))
        model.set_weights([batch(*weight.shape) for weight in model.weights])
        found.append(gradient_flow(model, inputs))
    assert set(found[0]["layer"]) == {"both/forward_rnn", "both/backward_rnn"}
    np.testing.assert_allclose(found[1]["norm"], found[0]["norm"], rtol=1e-5)
    assert not norms(found[0], "both/forward_rnn")[~mask.any(axis=0)].any()


@pytest.mark.parametrize("layer_class", [L.SimpleRNN, layers.SimpleRNN])
def test_dropout_in_training_hides_the_same_units_at_each_step(layer_class):
    """h_t = 2 m ⊙ h_{t−1}, m ∈ {0, 1}: the gradient doubles or is gone."""
    layer = layer_class(
        50, "linear", recurrent_initializer="identity", recurrent_dropout=0.5, seed=1, name="rnn"
    )
    model = keras.Sequential([keras.Input((T, D)), layer])
    frame = gradient_flow(model, batch(1, T, D), loss=keras.ops.sum, training=True)
    *others, last = norms(frame, "rnn")
    assert last == pytest.approx(np.sqrt(50))
    kept = others[-1] / 2  # √(how many units are left)
    assert 15 < kept**2 < 35
    np.testing.assert_allclose(others, kept * 2.0 ** np.arange(T - 1, 0, -1), rtol=1e-5)


def test_truncation_that_the_op_can_not_follow_is_refused():
    layer = layers.GRU(U, activation=keras.ops.sin, truncate=2)
    model = keras.Sequential([keras.Input((T, D)), layer])
    with pytest.raises(ValueError, match="`model` must be without dropout in training or unknown"):
        gradient_flow(model, batch(1, T, D))


@pytest.mark.parametrize("by", ["step", "layer"])
def test_looking_leaves_every_layer_as_it_was(by):
    stack = L.RNN([L.LSTMCell(U), OwnCell(2)], return_sequences=True)
    model = keras.Sequential([keras.Input((T, D)), stack, L.Bidirectional(layers.LSTM(2))])
    both = model.layers[1]
    watched = [stack, stack.cell, both, both.forward_layer, both.backward_layer]
    before = [sorted(vars(layer)) for layer in watched]
    gradient_flow(model, batch(1, T, D), by=by)
    assert [sorted(vars(layer)) for layer in watched] == before
    assert not stack.unroll and both.backward_layer.go_backwards
