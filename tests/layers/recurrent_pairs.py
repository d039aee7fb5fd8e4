"""Recurrent layers and their Keras twins with the same weights, and what both are called on."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.gradcheck import compare_gradients
from tests.layers.recurrent_twins import twin

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 2
# right-padded, left-padded, with holes, and nothing at all
MASK = np.array(
    [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0]], bool
)
KINDS = {
    "SimpleRNN": {},
    "LSTM": {},
    "GRU": {"reset_after": False},
    "GRU reset after": {"reset_after": True},
}
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
every_kind = pytest.mark.parametrize("kind", KINDS)


def make_inputs(seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=(BATCH, TIME, FEATURES)).astype(dtype)


def make_pair(kind, **arguments):
    """A layer and its Keras twin, with the same weights."""
    arguments = {"units": UNITS, **KINDS[kind], **arguments}
    name = kind.split()[0]
    pair = getattr(layers, name)(**arguments), twin(name)(**arguments)
    return with_same_weights(*pair)


def with_same_weights(ours, theirs, shape=(BATCH, TIME, FEATURES)):
    generator = np.random.default_rng(5)
    for layer in (ours, theirs):
        layer.build(shape)
    weights = [generator.normal(size=w.shape).astype("float32") for w in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def make_states(kind, count=None, seed=7):
    generator = np.random.default_rng(seed)
    count = count or STATES[kind.split()[0]]
    return [generator.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(count)]


def array(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def compare(ours, theirs, x, states=(), tolerance=2e-6, **call):
    """Outputs, states, and gradients of everything, the weights included."""
    weights = [w.numpy() if hasattr(w, "numpy") else np.asarray(w) for w in theirs.weights]

    def stateless(layer):
        rest = [variable.value for variable in layer.non_trainable_variables]

        def function(x, *tensors):
            initial, weights = tensors[: len(states)], list(tensors[len(states) :])
            more = {"initial_state": list(initial)} if initial else {}
            return layer.stateless_call(weights, rest, x, **more, **call)[0]

        return function

    arrays = [x, *states, *weights]
    compare_gradients(stateless(ours), stateless(theirs), arrays, tolerance=tolerance)
