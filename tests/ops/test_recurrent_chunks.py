"""Recurrence in several chunks of steps: the same numbers, by the same few programs."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests.backends import only_on
from tests.gradcheck import assert_close, compare_gradients, gradients, outputs, second_gradients
from tests.ops.recurrent_forms import FORMS, MASK, TIME, compare_with_plain, every_form, noise

pytestmark = only_on("tensorflow", reason="the other frameworks compile whole programs anyway")


@pytest.fixture(params=[2, 4], ids="steps of a chunk {}".format)
def chunks(request, monkeypatch):
    """Chunks of so few steps that six are several, the last of which is full or not."""
    from keras_dlnotes.ops.backends.tensorflow import time_chunks

    _forget_functions()
    monkeypatch.setattr(time_chunks, "OPEN", request.param)
    monkeypatch.setattr(time_chunks, "MOST", request.param)
    yield request.param
    _forget_functions()


def _forget_functions():
    from keras_dlnotes.ops.recurrent import recurrence

    recurrence._recurrence._joined.cache_clear()


SETTINGS = {
    "plain": {},
    "masked": {"mask": MASK},
    "masked, last output": {"mask": MASK, "return_sequences": False},
    "truncated inside chunks": {"truncate": 3},
    "truncated at their borders, masked": {"truncate": 2, "mask": MASK},
}
all_settings = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


@pytest.mark.sampled(8)
@every_form
def test_equals_the_literal_loop(form, chunks):
    arrays = form.arrays()
    for training in (False, True):
        found = outputs(lambda *t, training=training: form(*t, training=training), arrays)
        assert_close(found, form.loop(arrays), 1e-6)


@pytest.mark.sampled(40)
@pytest.mark.parametrize("name", ["simple", "lstm coupled delayed", "gru", "gru reset after"])
@all_settings
def test_gradient_equals_autodiff_of_the_plain_forward(name, settings, chunks, monkeypatch):
    compare_with_plain(FORMS[name], settings, monkeypatch)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("name", ["lstm coupled", "gru", "gru reset after"])
def test_gradient_under_dropout(name, chunks, monkeypatch):
    compare_with_plain(FORMS[name], {**noise(FORMS[name]), "mask": MASK}, monkeypatch)


@pytest.mark.sampled(8)
def test_truncation_stops_the_gradient_at_its_borders(chunks):
    form = FORMS["lstm delayed"]

    def in_blocks(x, w, u, b, *states):
        pieces = []
        for start in range(0, TIME, 3):
            states = [keras.ops.stop_gradient(state) for state in states] if start else states
            piece, *states = form(x[:, start : start + 3], w, u, b, *states)
            pieces.append(piece)
        return keras.ops.concatenate(pieces, axis=1), *states

    compare_gradients(lambda *t: form(*t, truncate=3), in_blocks, form.arrays(), tolerance=2e-6)


@pytest.mark.sampled(8)
def test_second_gradient(chunks, monkeypatch):
    from keras_dlnotes.ops.recurrent import functions

    form = FORMS["lstm"]

    def second():
        return second_gradients(lambda *tensors: form(*tensors, mask=MASK)[0], form.arrays())

    found = second()
    monkeypatch.setattr(functions, "is_known", lambda activation: False)
    assert_close(found, second(), 1e-4)


@pytest.mark.parametrize("chunks", [2], indirect=True)
def test_infinite_weights_leave_the_gradient_of_steps_that_are_there(chunks):
    """What fills the last chunk up is multiplied by nothing: 0 · ∞ is no number."""
    x = np.ones((1, 3, 1), "float32")
    w, u = np.full((1, 1), np.inf, "float32"), np.zeros((1, 1), "float32")
    found = gradients(lambda x, w, u: ops.simple_rnn(x, w, u)[0], [x, w, u], [np.ones_like(x)])
    assert_close(found[1:], [0 * u, 0 * u], 0)


@pytest.mark.sampled
@pytest.mark.parametrize("time", [1, TIME])
def test_whole_graphs_that_xla_compiles(time, chunks):
    import tensorflow as tf

    form = FORMS["gru"]
    x, *others = map(tf.constant, form.arrays())
    tensors = [x[:, :time], *others]
    signature = [tf.TensorSpec((None, None, 3)), *map(tf.TensorSpec.from_tensor, others)]

    def step(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            found = form(*tensors)
        return [*found, *tape.gradient(found, tensors)]

    whole = tf.function(step, autograph=False, jit_compile=True, input_signature=signature)
    assert_close([entry.numpy() for entry in whole(*tensors)], outputs(step, tensors))


@pytest.mark.thorough
def test_few_programs_serve_for_all_lengths(monkeypatch):
    """One forward and one back for all but the first known lengths; open rows are no others."""
    import tensorflow as tf

    from keras_dlnotes.ops.backends.tensorflow import time_chunks, vjp

    programs = []

    def recorded(function):
        def program(*tensors, **steps):
            shapes = tuple(tuple(tensor.shape) for tensor in tf.nest.flatten(tensors))
            is_counted = steps["count"] is not None
            programs.append((function, shapes, is_counted))
            return function(*tensors, **steps)

        return program

    _forget_functions()
    monkeypatch.setattr(vjp, "program", recorded)
    monkeypatch.setattr(vjp, "is_compilation_enabled", lambda: True)
    monkeypatch.setattr(time_chunks, "EXACT", 2)
    form = FORMS["gru"]
    _, *weights = form.arrays()

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = form(x, *weights[:3])[0]
        return tape.gradient(found, x)

    def programs_of(lengths, rows=None, length=None):
        known = tf.TensorSpec((rows, length, 3))
        graph = tf.function(step, autograph=False, input_signature=[known])
        for length in lengths:
            graph(np.ones((12, length, 3), "float32"))
        return len(set(programs))

    assert programs_of([40], 12, 40) == 2
    assert programs_of([40], None, 40) == 2
    assert programs_of([7], 12, 7) == 4
    assert programs_of([1, 31, 32, 33, 70]) == 6
    for length in (20, 32, 50, 100):
        assert programs_of([length], 12, length) == 6
    assert programs_of([40], 12, 40) == 6
    _forget_functions()
