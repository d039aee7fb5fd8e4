"""The compiled loops over time write in place: a step's cost does not grow with the sequence.

XLA copies a whole buffer at every step where something reads it after it is written, which no
result shows.
"""

import re

import keras
import numpy as np
import pytest
from packaging.version import Version

from keras_dlnotes.ops.recurrent import loop
from keras_dlnotes.ops.recurrent.inputs import Inputs, RecurrenceSpec
from keras_dlnotes.ops.recurrent.steps import gru_step, lstm_step, simple_step
from keras_dlnotes.ops.recurrent.through_time import recurrence_backward, recurrence_forward
from tests.backends import only_on

pytestmark = [
    only_on("tensorflow", reason="reads what XLA made of a tf.function"),
    pytest.mark.slow,
    pytest.mark.compiled,
]

BATCH, TIME, FEATURES, UNITS = 6, 20, 5, 16
MANY_UNITS = 128  # enough for kernels that are worth a thread each
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


def _compiled(function):
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)


def _passes(step, optional=False, batch=BATCH, units=UNITS):
    """The compiled passes and what they take: forward, its tensors, backward, its arguments."""
    tensors, spec = _packed(step, optional, batch, units)
    forward = _compiled(lambda *tensors: recurrence_forward(*tensors, spec=spec))
    backward = _compiled(lambda *arguments: recurrence_backward(*arguments, spec=spec))
    upstream, residuals = forward(*tensors)
    return forward, tensors, backward, (upstream, tensors, residuals)


def _program(function, arguments):
    """What XLA made of a compiled function."""
    return function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")


def _programs(step, optional=False, batch=BATCH, units=UNITS):
    """What XLA made of the forward and of the backward pass."""
    forward, tensors, backward, arguments = _passes(step, optional, batch, units)
    return _program(forward, tensors), _program(backward, arguments)


def _packed(step, optional, batch, units):
    import tensorflow as tf

    def normal(*shape):
        return tf.constant(generator.normal(size=shape), "float32")

    generator = np.random.default_rng(0)
    width = step.blocks * units
    inputs = Inputs(
        sequence=normal(batch, TIME, FEATURES),
        states=tuple(normal(batch, units) for _ in range(step.states)),
        mask=normal(batch, TIME, 1) > -1 if optional else None,
        input_masks=normal(batch, step.blocks, FEATURES) if optional else None,
        recurrent_masks=normal(batch, step.blocks, units) if optional else None,
        kernel=normal(FEATURES, width),
        recurrent_kernel=normal(units, width) / units**0.5,
        bias=normal(*step.biases, width),
    )
    return RecurrenceSpec(step, truncate=7 if optional else None).pack(inputs)


def _in_loops(program, pattern):
    """Instructions that match, by the computation: a loop's body, or a branch in one."""
    found = {}
    computations = re.split(r"\n(?=(?:ENTRY )?%[\w.\-]+ \()", program)
    names = set(re.findall(r"(?:body|true_computation)=%([\w.\-]+)", program))
    for text in computations:
        name = re.match(r"%?([\w.\-]+)", text).group(1)
        if name in names:
            found[name] = [line.strip() for line in text.splitlines() if re.search(pattern, line)]
    assert found
    return found


COPY = r"= \w+\[\d+,\d+,\d+\]\S* copy\("


def test_a_loop_that_copies_a_sequence_is_found():
    """A step that reads what it has overwritten: the other tests would know its copy."""
    import tensorflow as tf

    @_compiled
    def copying(sequence):
        def body(t, sequence):
            overwritten = loop.write(sequence, t, sequence[:, t] + 1)
            return (
                loop.write(overwritten, t, overwritten[:, t] + keras.ops.sum(sequence, axis=1)),
            )

        return loop.repeat(body, TIME, (sequence,))

    program = _program(copying, [tf.ones((BATCH, TIME, UNITS))])
    assert any(_in_loops(program, COPY).values())


@pytest.mark.parametrize("optional", [False, True], ids=["plain", "masked-dropped-truncated"])
@pytest.mark.parametrize(
    ("name", "units"),
    [(name, UNITS) for name in STEPS]
    + [(name, MANY_UNITS) for name in ("lstm", "lstm-relu", "gru", "gru-after", "simple-relu")],
)
def test_no_loop_copies_a_sequence(name, units, optional):
    for program in _programs(STEPS[name], optional, units=units):
        copies = _in_loops(program, COPY)
        assert not any(copies.values()), copies


KERNEL = r"= (\(.*\)|\S+) (copy|dot|fusion|concatenate|conditional)\("


@pytest.mark.parametrize("name", ["lstm", "lstm-coupled", "gru", "gru-after", "simple-tanh"])
def test_a_loop_of_small_kernels_stays_on_the_thread_of_its_half(name):
    """XLA runs at most eight kernels on one thread, and more on all of them."""
    for program in _programs(STEPS[name]):
        for kernels in _in_loops(program, KERNEL).values():
            assert 0 < len(kernels) <= 8, kernels


@pytest.mark.parametrize("optional", [False, True], ids=["plain", "masked-dropped-truncated"])
@pytest.mark.parametrize("name", ["lstm", "lstm-delayed", "gru", "gru-after"])
def test_branches_change_no_number(name, optional, monkeypatch):
    import tensorflow as tf

    def numbers():
        forward, tensors, backward, arguments = _passes(STEPS[name], optional)
        return tf.nest.flatten((forward(*tensors), backward(*arguments)))

    found = numbers()
    monkeypatch.setattr(loop, "_FEW_NUMBERS", 0)
    for in_branches, at_once in zip(found, numbers(), strict=True):
        np.testing.assert_array_equal(in_branches, at_once)


@pytest.mark.parametrize("name", ["lstm", "lstm-coupled", "simple-tanh"])
def test_a_backward_loop_of_large_kernels_has_few_anyway(name):
    _, backward = _programs(STEPS[name], units=MANY_UNITS)
    assert "conditional(" not in backward
    (kernels,) = _in_loops(backward, KERNEL).values()
    assert 0 < len(kernels) <= 8, kernels


def test_a_backward_loop_of_small_kernels_has_branches():
    _, backward = _programs(STEPS["lstm"])
    assert "conditional(" in backward


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_one_program_serves_for_every_number_of_steps(name):
    import tensorflow as tf

    tensors, spec = _packed(STEPS[name], True, BATCH, UNITS)

    def back(upstream, tensors, residuals, count):
        return recurrence_backward(
            upstream, tensors, residuals, spec=spec, start=count, count=count
        )

    forward = _compiled(
        lambda count, *tensors: recurrence_forward(*tensors, spec=spec, count=count)
    )
    backward = _compiled(back)
    programs = set()
    for count in (TIME, TIME - 7):
        count = tf.constant(count)
        upstream, residuals = forward(count, *tensors)
        for function, arguments in (
            (forward, (count, *tensors)),
            (backward, (upstream, tensors, residuals, count)),
        ):
            text = function.experimental_get_compiler_ir(*arguments)(stage="hlo")
            programs.add(re.sub(r"\w*inference\w*", "", text))
    assert len(programs) == 2


LIBRARY_SUM = r"ynn\S* = \S+ fusion"


def test_the_halves_of_a_batch_enter_no_sum_of_xlas_library():
    """Two threads that first enter it at the same time crash the process (TensorFlow 2.21)."""
    import tensorflow as tf

    if Version(tf.__version__) < Version("2.21"):
        pytest.skip("XLA has no such library before TensorFlow 2.21")
    # rows enough for XLA to leave a sum to its library
    batch = BATCH * (64 * 1024 // TIME // UNITS)
    summed = _compiled(lambda sequence: keras.ops.sum(sequence, axis=(0, 1)))
    by_library = _program(summed, [tf.ones((batch, TIME, 4 * UNITS))])
    assert re.search(LIBRARY_SUM, by_library)  # else XLA has another name for it by now
    _, backward = _programs(STEPS["lstm"], batch=batch)
    assert not re.search(LIBRARY_SUM, backward)
