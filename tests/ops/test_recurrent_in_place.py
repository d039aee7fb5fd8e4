"""The compiled loops over time write in place: a step's cost does not grow with the sequence.

XLA copies a whole buffer at every step where something reads it after it is written, which no
result shows.
"""

import re

import pytest

from keras_dlnotes.ops.recurrent.inputs import Inputs, flat
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


def _programs(step, optional=False, batch=BATCH, units=UNITS):
    """What XLA made of the pass forward and of the one back."""
    import tensorflow as tf

    def compiled(function):
        return tf.function(function, jit_compile=True, autograph=False)

    def program(function, *arguments):
        return function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")

    tensors, settings = _tensors(step, optional, batch, units)
    forward = compiled(lambda *tensors: recurrence_forward(*tensors, **settings))
    upstream, residuals = forward(*tensors)
    backward = compiled(lambda *arguments: recurrence_backward(*arguments, **settings))
    return program(forward, *tensors), program(backward, upstream, tensors, residuals)


def _tensors(step, optional, batch, units):
    import tensorflow as tf

    width = step.blocks * units
    inputs = Inputs(
        sequence=tf.zeros((batch, TIME, FEATURES)),
        states=tuple(tf.zeros((batch, units)) for _ in range(step.states)),
        mask=tf.ones((batch, TIME), "bool") if optional else None,
        input_masks=tf.ones((batch, step.blocks, FEATURES)) if optional else None,
        recurrent_masks=tf.ones((batch, step.blocks, units)) if optional else None,
        kernel=tf.zeros((FEATURES, width)),
        recurrent_kernel=tf.zeros((units, width)),
        bias=tf.zeros((*step.biases, width)),
    )
    settings = {
        "return_sequences": True,
        "zero_output_for_mask": False,
        "truncate": 7 if optional else None,
    }
    return flat(inputs, step, settings)


def _in_loops(program, pattern):
    """Instructions of the loops' bodies that match."""
    bodies = set(re.findall(r"body=%([\w.\-]+)", program))
    assert bodies
    computations = re.split(r"\n(?=(?:ENTRY )?%[\w.\-]+ \()", program)
    return [
        line.strip()
        for text in computations
        if re.match(r"%?([\w.\-]+)", text).group(1) in bodies
        for line in text.splitlines()
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize("optional", [False, True], ids=["plain", "masked-dropped-truncated"])
@pytest.mark.parametrize("name", STEPS)
def test_no_loop_copies_a_sequence(name, optional):
    for program in _programs(STEPS[name], optional):
        assert _in_loops(program, r"= \w+\[\d+,\d+,\d+\]\S* copy\(") == []


@pytest.mark.parametrize("name", ["lstm", "lstm-coupled", "simple-tanh"])
def test_the_loop_back_stays_on_the_thread_of_its_half(name):
    """XLA runs at most eight kernels a step on one thread, and more on all of them."""
    _, backward = _programs(STEPS[name], units=64)
    kernels = _in_loops(backward, r"= \S+ (copy|dot|fusion|concatenate)\(")
    assert 0 < len(kernels) <= 8, kernels


def test_the_halves_of_a_batch_enter_no_sum_of_xlas_library():
    """Two threads that first enter it at the same time crash the process (TensorFlow 2.21)."""
    # rows enough for XLA to leave a sum to its library
    _, backward = _programs(STEPS["lstm"], batch=BATCH * (64 * 1024 // TIME // UNITS))
    assert not re.search(r"ynn\S* = \S+ fusion", backward)
