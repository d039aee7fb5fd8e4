"""Two directions beside Keras's: outputs, merging, and which computation each runs."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import only_on
from tests.gradcheck import assert_close
from tests.layers.recurrent_pairs import (
    FEATURES,
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

on_tensorflow = only_on("tensorflow", reason="is about TensorFlow")


@pytest.mark.sampled(4)
@every_kind
@pytest.mark.parametrize("wrapper", ["Bidirectional", "keras"])
def test_both_directions(kind, wrapper):
    for settings in ({"return_sequences": True, "return_state": True}, {}):
        ours, theirs = make_pair(kind, **settings)
        wrap = layers.Bidirectional if wrapper == "Bidirectional" else keras.layers.Bidirectional
        pair = with_same_weights(wrap(ours), keras.layers.Bidirectional(theirs))
        states = [*make_states(kind), *make_states(kind, seed=8)]
        compare(*pair, make_inputs(), states, mask=keras.ops.convert_to_tensor(MASK))


@pytest.mark.parametrize("mode", ["sum", "mul", "ave", "concat", None])
def test_every_way_to_merge(mode):
    pair = (
        module.Bidirectional(
            module.LSTM(UNITS, return_sequences=True),
            merge_mode=mode,
            backward_layer=module.LSTM(
                UNITS, activation="relu", return_sequences=True, go_backwards=True
            ),
        )
        for module in (layers, keras.layers)
    )
    ours, theirs = with_same_weights(*pair)
    x = make_inputs()
    found, expected = (keras.tree.flatten(layer(x)) for layer in (ours, theirs))
    assert_close(map(array, found), list(map(array, expected)), 1e-6)


def test_both_directions_explain_their_paths():
    explained = layers.Bidirectional(layers.GRU(UNITS)).explain_path()
    for part in ("forward the hand-written", "backward the hand-written", "reset before"):
        assert part in explained
    beside = keras.backend.backend() == "tensorflow"
    assert ("beside the other direction" in explained) == beside
    mixed = layers.Bidirectional(
        layers.GRU(UNITS), backward_layer=keras.layers.GRU(UNITS, go_backwards=True, name="theirs")
    )
    assert mixed.explain_path().endswith("backward Keras's theirs")
    assert "beside" not in mixed.explain_path()


@on_tensorflow
def test_both_directions_side_by_side_are_alike_one_after_the_other():
    import tensorflow as tf

    layer = layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True))
    x = tf.constant(np.random.default_rng(0).normal(size=(18, TIME, FEATURES)).astype("float32"))
    layer.build(x.shape)

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    found, expected = (
        [gradient.numpy() for gradient in function()]
        for function in (tf.function(step, autograph=False), step)
    )
    assert_close(found, expected)
