"""Recurrent layers beside their Keras twins: masks, states, noise, policies."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.ops.backends.current import framework
from tests.backends import only_on
from tests.gradcheck import assert_close
from tests.layers.recurrent_pairs import (
    BATCH,
    FEATURES,
    KINDS,
    MASK,
    TIME,
    UNITS,
    array,
    compare,
    every_kind,
    make_inputs,
    make_pair,
    make_states,
    with_same_weights,
)

pytestmark = pytest.mark.compiled

on_tensorflow = only_on("tensorflow", reason="is about TensorFlow")


@pytest.mark.sampled(12)
@every_kind
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("settings", [{"return_sequences": True}, {"go_backwards": True}])
def test_masks_are_keras(kind, settings, zeros):
    pair = make_pair(kind, return_state=True, zero_output_for_mask=zeros, **settings)
    compare(*pair, make_inputs(), make_states(kind), mask=keras.ops.convert_to_tensor(MASK))


@every_kind
def test_a_masking_layer_in_front(kind):
    x = make_inputs()
    x[~MASK] = 0
    ours, theirs = (keras.Sequential([keras.layers.Masking(), layer]) for layer in make_pair(kind))
    assert_close([array(ours(x))], [array(theirs(x))], 1e-6)


@every_kind
def test_state_is_carried_from_batch_to_batch_and_reset(kind):
    ours, theirs = make_pair(kind, stateful=True, return_sequences=True)
    for seed in range(2):
        x = make_inputs(seed)
        assert_close([array(ours(x))], [array(theirs(x))], 1e-6)
    first = array(ours(make_inputs()))
    for layer in (ours, theirs):
        layer.reset_state()
    again = array(ours(make_inputs()))
    assert_close([again], [array(theirs(make_inputs()))], 1e-6)
    assert np.abs(first - again).max() > 1e-3
    ours.reset_states()
    assert_close([array(ours(make_inputs()))], [again], 1e-6)
    with pytest.raises(ValueError, match="batch size"):
        ours(make_inputs()[:2])


def test_a_delayed_gate_is_reset_to_its_bias():
    layer = layers.LSTM(UNITS, output_gate="delayed", stateful=True)
    layer.build((BATCH, TIME, FEATURES))
    layer.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in layer.weights])
    layer.reset_state()
    first = array(layer(make_inputs()))
    assert np.abs(array(layer(make_inputs())) - first).max() > 1e-3
    layer.reset_state()
    assert_close([array(layer(make_inputs()))], [first])


@pytest.mark.sampled(4)
@every_kind
@pytest.mark.parametrize(
    "rates",
    [{"dropout": 0.4}, {"recurrent_dropout": 0.4}, {"dropout": 0.3, "recurrent_dropout": 0.5}],
    ids=str,
)
def test_noise_is_that_of_keras(kind, rates):
    x = make_inputs()
    ours, theirs = make_pair(kind, seed=3, return_sequences=True, **rates)
    for _ in range(2):  # new noise in every call
        assert_close([array(ours(x, training=True))], [array(theirs(x, training=True))], 1e-6)
    assert_close([array(ours(x, training=False))], [array(theirs(x))], 1e-6)


@pytest.mark.thorough
def test_noise_differs_from_call_to_call_and_from_gate_to_gate():
    layer = layers.LSTM(UNITS, dropout=0.5, implementation=1)
    twin = keras.layers.LSTM(UNITS, dropout=0.5, implementation=1, use_cudnn=False)
    layer.build((BATCH, TIME, FEATURES))
    assert len(layer.cell.dropout_masks(make_inputs()[:, 0], None, True)[0]) == 4
    layer.cell.reset_dropout_mask()
    first, second = (array(layer(make_inputs(), training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    coupled = layers.LSTM(UNITS, recurrent_dropout=0.5, forget_gate="coupled")
    assert coupled(make_inputs(), training=True).shape == twin(make_inputs()).shape


def test_cells_in_a_stack():
    def stack(module):
        cells = [
            module.LSTMCell(3, recurrent_dropout=0.3, seed=1),
            module.GRUCell(2, reset_after=False),
            module.SimpleRNNCell(UNITS),
        ]
        return keras.layers.RNN(cells, return_sequences=True, return_state=True)

    ours, theirs = with_same_weights(stack(layers), stack(keras.layers))
    for training in (False, True):
        found, expected = (
            keras.tree.flatten(layer(make_inputs(), training=training)) for layer in (ours, theirs)
        )
        assert_close(map(array, found), list(map(array, expected)), 1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("variant", [("coupled", "current"), ("separate", "delayed")])
def test_a_cell_that_loops_equals_the_layer(variant):
    settings = dict(zip(("forget_gate", "output_gate"), variant, strict=True))
    layer = layers.LSTM(UNITS, return_sequences=True, **settings)
    looped = keras.layers.RNN(layers.LSTMCell(UNITS, **settings), return_sequences=True)
    ours, theirs = with_same_weights(layer, looped)
    compare(ours, theirs, make_inputs())


def test_a_coupled_gate_saves_a_quarter_of_the_weights():
    separate, coupled = layers.LSTM(8), layers.LSTM(8, forget_gate="coupled")
    for layer in (separate, coupled):
        layer.build((None, None, 4))
    assert coupled.count_params() * 4 == separate.count_params() * 3
    bias = array(coupled.cell.bias)
    np.testing.assert_array_equal(bias, [-1] * 8 + [0] * 16)  # f = 1 − σ(−1) = σ(1)


def test_truncation_leaves_the_forward_pass_alone():
    x = make_inputs()
    full, truncated = layers.GRU(UNITS), layers.GRU(UNITS, truncate=2)
    with_same_weights(full, truncated)
    assert_close([array(truncated(x))], [array(full(x))], 1e-7)


@on_tensorflow
def test_truncation_cuts_the_gradient():
    import tensorflow as tf

    x = tf.constant(make_inputs())
    layer = layers.GRU(UNITS, truncate=2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        last = layer(x, training=True)
    gradient = tape.gradient(last, x).numpy()
    assert (gradient[:, :4] == 0).all()
    assert (np.abs(gradient[:, 4:]) > 0).all()


def test_any_function_may_be_an_activation():
    def bent(a):
        return keras.ops.tanh(a) + 0.1 * a

    ours, theirs = make_pair("LSTM", activation=bent, return_sequences=True)
    compare(ours, theirs, make_inputs(), mask=keras.ops.convert_to_tensor(MASK))
    assert ours.explain_path() == "Keras's loop: no derivative of bent is written out"
    truncated = layers.LSTM(UNITS, activation=bent, truncate=TIME)
    with_same_weights(truncated, theirs)
    assert_close([array(truncated(make_inputs()))], [array(theirs(make_inputs()))[:, -1]], 1e-6)


def test_the_path_is_explained():
    explained = layers.GRU(UNITS, unroll=True).explain_path()
    for reason in ("hand-written", "a reset before the product", "unroll=True"):
        assert reason in explained
    if not framework().has_gpu():
        own = layers.LSTM(UNITS).explain_path().startswith("the framework's own kernel")
        assert own == (keras.backend.backend() == "torch")
        assert "hand-written" in layers.LSTM(UNITS, forget_gate="coupled").explain_path()
        assert "no GPU" in layers.LSTM(UNITS).explain_path()
        with pytest.raises(ValueError, match=r"Argument `use_cudnn` must be .* no GPU"):
            layers.LSTM(UNITS, use_cudnn=True)(make_inputs())


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param("float64", marks=on_tensorflow),
        "float16",
        "bfloat16",
        "mixed_float16",
        "mixed_bfloat16",
    ],
)
@every_kind
def test_policies(kind, dtype):
    ours, theirs = make_pair(kind, return_sequences=True, return_state=True)
    policy = ours.__class__(
        UNITS, return_sequences=True, return_state=True, dtype=dtype, **KINDS[kind]
    )
    policy.build((BATCH, TIME, FEATURES))
    policy.set_weights(theirs.get_weights())
    found = policy(make_inputs())
    kinds = {keras.backend.standardize_dtype(entry.dtype) for entry in found}
    assert kinds == {dtype.removeprefix("mixed_")}
    tolerance = {"float64": 1e-6, "float16": 5e-3, "bfloat16": 5e-2}[dtype.removeprefix("mixed_")]
    assert_close(map(array, found), list(map(array, theirs(make_inputs()))), tolerance)


@pytest.mark.thorough
@on_tensorflow
@pytest.mark.parametrize("jit_compile", [True, False, "auto"])
def test_fits_alike_however_it_is_compiled(jit_compile):
    def fit(module, **settings):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((None, FEATURES))
        hidden = module.Bidirectional(module.LSTM(4, return_sequences=True))(inputs)
        hidden = module.GRU(4, **KINDS["GRU"])(hidden)
        model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
        model.compile("sgd", "mse", **settings)
        generator = np.random.default_rng(0)
        x, y = generator.normal(size=(30, TIME, FEATURES)), generator.normal(size=(30, 1))
        history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        return history.history["loss"]

    expected = fit(keras.layers, jit_compile=False)
    np.testing.assert_allclose(fit(layers, jit_compile=jit_compile), expected, rtol=1e-5)


@pytest.mark.thorough
@on_tensorflow
def test_ragged_lengths_are_not_retraced():
    import tensorflow as tf

    layer = layers.LSTM(UNITS, return_sequences=True)
    layer.build((None, None, FEATURES))

    @tf.function(input_signature=[tf.TensorSpec((None, None, FEATURES))])
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    for time in range(2, 8):
        step(tf.ones((2, time, FEATURES)))
    assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"units": 0}, "units"),
        ({"units": 2.5}, "units"),
        ({"truncate": 0}, "truncate"),
        ({"truncate": "x"}, "truncate"),
        ({"forget_gate": "x"}, "forget_gate"),
        ({"output_gate": "x"}, "output_gate"),
        ({"dropout": -0.1}, "dropout"),
        ({"recurrent_dropout": 1.1}, "recurrent_dropout"),
        ({"use_cudnn": "x"}, "use_cudnn"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received: {name}="):
        layers.LSTM(**{"units": 2, **arguments})


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_no_units_are_too_few_everywhere(name):
    with pytest.raises(ValueError, match="Argument `units` must be"):
        getattr(layers, name)(0)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ({"mask": np.ones((BATCH, TIME + 1), bool)}, "mask"),
        ({"mask": np.ones(BATCH, bool)}, "mask"),
        ({"initial_state": [np.zeros((BATCH, UNITS)), np.zeros((BATCH, 5))]}, "initial_state"),
        ({"initial_state": [np.zeros((BATCH, UNITS))]}, "initial_state"),
    ],
)
def test_a_bad_call_is_named(call, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be"):
        layers.LSTM(UNITS)(make_inputs(), **call)
