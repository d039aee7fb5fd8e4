"""The compiled loops over time write in place: a step's cost does not grow with the sequence.

XLA copies a whole buffer at every step where something reads it after it is written, which no
result shows.
"""

import re

import pytest

from keras_dlnotes.ops.recurrent.inputs import SHARED, Inputs, flat
from keras_dlnotes.ops.recurrent.steps import gru_step, lstm_step, simple_step
from keras_dlnotes.ops.recurrent.through_time import recurrence_backward, recurrence_forward
from tests.backends import only_on

pytestmark = only_on("tensorflow", reason="reads what XLA made of a tf.function")

BATCH, TIME, FEATURES, UNITS = 6, 20, 5, 16
STEPS = {
    "lstm": lstm_step(),
    "lstm-coupled": lstm_step(forget_gate="coupled"),
    "lstm-delayed": lstm_step(output_gate="delayed"),
    "lstm-hard": lstm_step(recurrent_activation="hard_sigmoid"),
    "lstm-relu": lstm_step(activation="relu", recurrent_activation="hard_sigmoid"),
    "gru": gru_step(),
    "gru-after": gru_step(reset_after=True),
    "gru-relu": gru_step(activation="relu", recurrent_activation="hard_sigmoid"),
    "gru-after-hard": gru_step(recurrent_activation="hard_sigmoid", reset_after=True),
    **{f"simple-{name}": simple_step(name) for name in ("tanh", "relu", "linear", "softsign")},
}


def _tensors(step, optional):
    import tensorflow as tf

    width = step.blocks * UNITS
    inputs = Inputs(
        sequence=tf.zeros((BATCH, TIME, FEATURES)),
        states=tuple(tf.zeros((BATCH, UNITS)) for _ in range(step.states)),
        mask=tf.ones((BATCH, TIME), "bool") if optional else None,
        input_masks=tf.ones((BATCH, step.blocks, FEATURES)) if optional else None,
        recurrent_masks=tf.ones((BATCH, step.blocks, UNITS)) if optional else None,
        kernel=tf.zeros((FEATURES, width)),
        recurrent_kernel=tf.zeros((UNITS, width)),
        bias=tf.zeros((*step.biases, width)),
    )
    settings = {
        "return_sequences": True,
        "zero_output_for_mask": False,
        "truncate": 7 if optional else None,
    }
    return flat(inputs, step, settings)


def _copied_in_loops(function, *tensors):
    """Instructions of the loops' bodies that copy a tensor (batch, time, …)."""
    program = function.experimental_get_compiler_ir(*tensors)(stage="optimized_hlo")
    bodies = set(re.findall(r"body=%([\w.\-]+)", program))
    assert bodies
    computations = re.split(r"\n(?=(?:ENTRY )?%[\w.\-]+ \()", program)
    return [
        line.strip()
        for text in computations
        if re.match(r"%?([\w.\-]+)", text).group(1) in bodies
        for line in text.splitlines()
        if re.search(r"= \w+\[\d+,\d+,\d+\]\S* copy\(", line)
    ]


@pytest.mark.parametrize("optional", [False, True], ids=["plain", "masked-dropped-truncated"])
@pytest.mark.parametrize("name", STEPS)
def test_no_loop_copies_a_sequence(name, optional):
    import tensorflow as tf

    def compiled(function):
        return tf.function(function, jit_compile=True, autograph=False)

    tensors, settings = _tensors(STEPS[name], optional)
    forward = compiled(lambda *tensors: recurrence_forward(*tensors, **settings))
    upstream, residuals = forward(*tensors)
    backward = compiled(
        lambda upstream, tensors, residuals: recurrence_backward(
            upstream, tensors, residuals, **settings
        )
    )
    assert _copied_in_loops(forward, *tensors) == []
    assert _copied_in_loops(backward, upstream, tensors, residuals) == []


def test_the_halves_of_a_batch_enter_no_sum_of_xlas_library():
    """Two threads that first enter it at the same time crash the process (TensorFlow 2.21)."""
    import tensorflow as tf

    many = 64 * 1024 // TIME // UNITS  # rows enough for XLA to leave a sum to its library
    tensors, settings = _tensors(STEPS["lstm"], optional=False)
    tensors = [
        tf.repeat(tensor, many, axis=0) if len(tensors) - index > SHARED else tensor
        for index, tensor in enumerate(tensors)
    ]
    forward = tf.function(
        lambda *tensors: recurrence_forward(*tensors, **settings), jit_compile=True
    )
    backward = tf.function(
        lambda *arguments: recurrence_backward(*arguments, **settings), jit_compile=True
    )
    upstream, residuals = forward(*tensors)
    program = backward.experimental_get_compiler_ir(upstream, tensors, residuals)
    assert not re.search(r"ynn\S* = \S+ fusion", program(stage="optimized_hlo"))
