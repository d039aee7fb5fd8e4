"""Recurrences whose batches are filled up: every size gets its own values and gradients."""

import numpy as np
import pytest

from tests.backends import only_on
from tests.gradcheck import assert_close
from tests.ops.recurrent_forms import FORMS

pytestmark = [
    pytest.mark.compiled,
    only_on("tensorflow", reason="compiles a program for each number of rows"),
]

STEPS, FEATURES, ROWS = 5, 3, 33


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["simple", "lstm", "lstm coupled delayed", "gru reset after"])
@pytest.mark.parametrize("masked", [False, True])
def test_every_size_of_batch_gets_its_own_values(name, masked, monkeypatch):
    import tensorflow as tf

    from keras_dlnotes.ops.recurrent import functions

    form = FORMS[name]
    _, *rest = map(tf.constant, form.arrays())
    weights, states = rest[: -form.states], rest[-form.states :]
    rng = np.random.default_rng(0)
    shapes = [(STEPS, FEATURES), *(tuple(state.shape[1:]) for state in states)]
    by_row = [rng.normal(size=(ROWS, *shape)).astype("float32") for shape in shapes]
    mask = rng.integers(0, 2, (ROWS, STEPS)).astype(bool)

    def step(mask, x, states, weights):
        tensors = [x, *weights, *states]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            found = form(*tensors, mask=mask if masked else None)
            loss = sum(tf.reduce_sum(tf.square(entry)) for entry in found)
        return [*found, *tape.gradient(loss, tensors)]

    open_rows = [tf.TensorSpec((None, *shape)) for shape in shapes]
    signature = tf.TensorSpec((None, STEPS), tf.bool), open_rows[0], open_rows[1:]
    known = [tf.TensorSpec.from_tensor(weight) for weight in weights]
    filled = tf.function(step, input_signature=[*signature, known])
    for rows in (16, 3, 9, ROWS, 1, 0, 32):
        x, *states = (tf.constant(array[:rows]) for array in by_row)
        found = filled(tf.constant(mask[:rows]), x, states, weights)
        with monkeypatch.context() as patch:
            patch.setattr(functions, "is_known", lambda activation: False)
            expected = step(tf.constant(mask[:rows]), x, states, weights)
        assert_close(found, [tensor.numpy() for tensor in expected], 1e-5)
