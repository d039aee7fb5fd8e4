"""The recurrent ops: whole sequences in, hidden states out, gradients by the notes' derivation."""

from keras import ops

from keras_dlnotes.ops.exporting import is_exporting
from keras_dlnotes.ops.recurrent.activations import is_known
from keras_dlnotes.ops.recurrent.arguments import checked_truncate, prepare
from keras_dlnotes.ops.recurrent.inputs import RecurrenceSpec, outputs_of
from keras_dlnotes.ops.recurrent.recurrence import recurrence
from keras_dlnotes.ops.recurrent.steps import gru_step, lstm_step, simple_step

_SHARED_ARGUMENTS = """
        initial_state: the states before the first step, each (batch, units); None for zeros.
        mask: boolean (batch, time), False where a step is skipped: the states pass it unchanged,
            and its output is that of the step before, or 0 where there is none.
        truncate: length ≥ 1 of the blocks whose borders no gradient crosses; None for one block.
            The notes' τ is no length, but the first step that the sum keeps.
        return_sequences: whether the outputs are the hidden states of all steps or of the last.
        zero_output_for_mask: whether the output of a skipped step is 0.
        input_masks, recurrent_masks: the noise of dropout, which x and h₋₁ are multiplied by for
            each gate: (batch, blocks, features) and (batch, blocks, units); None for 1.
        training: whether a gradient will be asked for; False saves nothing for it."""
_COST = """
    Time is linear in the number of steps. What XLA compiles for a new shape takes about a second.
    On TensorFlow, all lengths that a graph leaves open share one program, of 32 steps, as do those
    that it knows after the first four; one program has at most 512 steps, and the framework's own
    loop calls it. JAX compiles each length: pad sequences of many to a few.

    Tensors may be of any real type, of integers and booleans, too: the outputs have the widest of
    the floating-point types, Keras's `floatx` where there is none. Half precision is computed in
    float32, all sums over time included. A sequence of no steps gives the initial state back, and
    0 for the last output."""


def simple_rnn(
    inputs,
    kernel,
    recurrent_kernel,
    bias=None,
    initial_state=None,
    mask=None,
    *,
    activation="tanh",
    **settings,
):
    step = simple_step(activation)
    return run(step, inputs, kernel, recurrent_kernel, bias, initial_state, mask, **settings)


simple_rnn.__doc__ = f"""Returns the hidden states of a simple recurrent network.

    h_t = φ(x_t W + h_{{t−1}} U + b)

    The gradient is the notes' back-propagation through time, which saves 2 numbers a unit, step and
    row of the batch (see `ops.recurrent.simple_step`).{_COST}

    Args:
        inputs: x, (batch, time, features).
        kernel: W, (features, units).
        recurrent_kernel: U, (units, units).
        bias: b, (units,), or None for 0.{_SHARED_ARGUMENTS}
        activation: φ, a name or a function of a tensor.

    Returns:
        (outputs, hidden): (batch, time, units) or (batch, units), and the last state.

    Raises:
        ValueError: for a tensor whose shape does not fit, a complex one, or a setting out of range.

    Reference:
        Lecture notes, "Recurrent Neural Networks", "Back Propagation through Time".

    Example:

    >>> outputs, hidden = simple_rnn(ops.ones((1, 3, 1)), [[1.0]], [[2.0]], activation="linear")
    >>> ops.convert_to_numpy(outputs)[0, :, 0].tolist()
    [1.0, 3.0, 7.0]
    """


def lstm(
    inputs,
    kernel,
    recurrent_kernel,
    bias=None,
    initial_state=None,
    mask=None,
    *,
    activation="tanh",
    recurrent_activation="sigmoid",
    forget_gate="separate",
    output_gate="current",
    **settings,
):
    step = lstm_step(activation, recurrent_activation, forget_gate, output_gate)
    return run(step, inputs, kernel, recurrent_kernel, bias, initial_state, mask, **settings)


lstm.__doc__ = f"""Returns the hidden states of a long short-term memory.

    i, f, o = σ(x_t W + h_{{t−1}} U + b), ĉ = φ(…), each with its own blocks of W, U and b
    c_t = f ⊙ c_{{t−1}} + i ⊙ ĉ,   h_t = φ(c_t) ⊙ o

    `forget_gate="coupled"` forgets as much as it reads, f = 1 − i, and has three blocks;
    `output_gate="delayed"` writes by the gate of the step before, h_t = φ(c_t) ⊙ o_{{t−1}}, which
    is then a third state.

    The gradient is the notes' back-propagation through time (see `ops.recurrent.lstm_step`), which
    saves 7 numbers a unit, step and row of the batch (6 when coupled, 1 more when delayed).{_COST}

    Args:
        inputs: x, (batch, time, features).
        kernel: W, (features, 4·units), the blocks in the order i f c o; coupled: 3·units, i c o.
        recurrent_kernel: U, (units, 4·units) or (units, 3·units).
        bias: b, (4·units,) or (3·units,), or None for 0.{_SHARED_ARGUMENTS}
        activation: φ, a name or a function of a tensor.
        recurrent_activation: σ, the same.
        forget_gate: "separate" or "coupled".
        output_gate: "current" or "delayed".

    Returns:
        (outputs, hidden, carry): (batch, time, units) or (batch, units), and the last states;
        delayed: (outputs, hidden, carry, gate).

    Raises:
        ValueError: for a tensor whose shape does not fit, a complex one, or a setting out of range.

    Reference:
        Lecture notes, "The LSTM Unit", "Modifying the LSTM"; Hochreiter & Schmidhuber 1997.

    Example: with all weights 0, every gate is ½ and nothing is written.

    >>> outputs, hidden, carry = lstm(
    ...     ops.ones((1, 2, 1)), ops.zeros((1, 4)), ops.zeros((1, 4)),
    ...     initial_state=[ops.zeros((1, 1)), ops.ones((1, 1))],
    ... )
    >>> float(carry[0, 0])
    0.25
    """


def gru(
    inputs,
    kernel,
    recurrent_kernel,
    bias=None,
    initial_state=None,
    mask=None,
    *,
    activation="tanh",
    recurrent_activation="sigmoid",
    reset_after=False,
    **settings,
):
    step = gru_step(activation, recurrent_activation, reset_after)
    return run(step, inputs, kernel, recurrent_kernel, bias, initial_state, mask, **settings)


gru.__doc__ = f"""Returns the hidden states of a gated recurrent unit.

    z, r = σ(x_t W + h_{{t−1}} U + b),   ĥ = φ(x_t W + (r ⊙ h_{{t−1}}) U + b)
    h_t = z ⊙ h_{{t−1}} + (1 − z) ⊙ ĥ,   each with its own blocks of W, U and b

    The notes' update gate is i = 1 − z and their reset gate o = r. `reset_after` takes the reset
    after the product, ĥ = φ(x_t W + b + r ⊙ (h_{{t−1}} U + b′)), as Keras does by default.

    The gradient is the notes' back-propagation through time (see `ops.recurrent.gru_step`), which
    saves 6 numbers a unit, step and row of the batch.{_COST}

    Args:
        inputs: x, (batch, time, features).
        kernel: W, (features, 3·units), the blocks in the order z r h.
        recurrent_kernel: U, (units, 3·units).
        bias: b, (3·units,), or with `reset_after` b and b′, (2, 3·units); None for
            0.{_SHARED_ARGUMENTS}
        activation: φ, a name or a function of a tensor.
        recurrent_activation: σ, the same.
        reset_after: whether the reset gate acts after the product.

    Returns:
        (outputs, hidden): (batch, time, units) or (batch, units), and the last state.

    Raises:
        ValueError: for a tensor whose shape does not fit, a complex one, or a setting out of range.

    Reference:
        Lecture notes, "The Gated Recurrent Unit (GRU)"; Cho et al. 2014.

    Example: with all weights 0, half of the state stays at each step.

    >>> x, weights, state = ops.ones((1, 2, 1)), ops.zeros((1, 3)), ops.ones((1, 1))
    >>> outputs, hidden = gru(x, weights, weights, initial_state=state)
    >>> ops.convert_to_numpy(outputs)[0, :, 0].tolist()
    [0.5, 0.25]
    """


def run(
    step,
    inputs,
    *tensors,
    truncate=None,
    return_sequences=True,
    zero_output_for_mask=False,
    training=True,
    concurrent_calls=1,
    **masks,
) -> tuple:
    """Returns (outputs, *last states) of any step; the arguments are those of the ops.

    `concurrent_calls` is how many such calls run concurrently.
    """
    spec = RecurrenceSpec(step, bool(return_sequences), checked_truncate(truncate))
    given, dtype = prepare(step, inputs, *tensors, **masks)
    plain = not is_exporting() and not all(map(is_known, step.activations))
    is_empty = given.sequence.shape[1] == 0
    if is_empty:  # a loop reads a step even where it runs none: one that is skipped
        sequence = ops.pad(given.sequence, ((0, 0), (0, 1), (0, 0)))
        given = given._replace(sequence=sequence, mask=ops.zeros_like(sequence[..., :1], "bool"))
    found = recurrence(given, spec, plain, training, concurrent_calls)
    outputs = outputs_of(found, given, spec, zero_output_for_mask)
    if is_empty and return_sequences:
        outputs = outputs[:, :0]
    return tuple(ops.cast(tensor, dtype) for tensor in (outputs, *found[: step.states]))
