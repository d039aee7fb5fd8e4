"""How much of the gradient reaches each time step: what vanishes, and what gates do about it."""

from keras import ops, tree

from keras_dlnotes.common.checks import argument_error, choice
from keras_dlnotes.ops.dtypes import real
from keras_dlnotes.ops.recurrent.activations import is_known
from keras_dlnotes.ops.recurrent.arguments import check_states, checked_truncate, prepare
from keras_dlnotes.ops.recurrent.inputs import RecurrenceSpec, outputs_of
from keras_dlnotes.ops.recurrent.steps import STEPS
from keras_dlnotes.ops.recurrent.through_time import recurrence_backward, recurrence_forward
from keras_dlnotes.ops.vjp import Op


def gradient_flow(
    upstream,
    inputs,
    kernel,
    recurrent_kernel,
    bias=None,
    initial_state=None,
    mask=None,
    *,
    cell="lstm",
    state_upstream=None,
    truncate=None,
    zero_output_for_mask=False,
    **settings,
):
    """Returns ‖∂L/∂h_t‖ for every row and step of a recurrence.

    ∂L/∂h_t = ∂L/∂y_t + (∂h_{t+1}/∂h_t)ᵀ ∂L/∂h_{t+1}: the gradient of the output y_t = h_t, and what
    comes back through all later steps. In a simple network the factors W_hh ⊙ φ′ multiply, and the
    norm vanishes or explodes with the distance; gates carry it on.

    Args:
        upstream: ∂L/∂y, (batch, time, units); or (batch, units) if only the last output counts.
        inputs, kernel, recurrent_kernel, bias, initial_state, mask: as in `simple_rnn`, `lstm` and
            `gru`.
        cell: "simple", "lstm" or "gru".
        state_upstream: ∂L/∂(last states), as many as `initial_state`, each (batch, units), where
            the loss depends on them as well, as that of a decoder does; None for 0.
        truncate: length of the blocks whose borders no gradient crosses, or None.
        zero_output_for_mask: whether the output of a skipped step is 0.
        settings: the activations and forms of that op, such as `forget_gate` or `reset_after`.

    Returns:
        (batch, time), ‖∂L/∂h_t‖ in the Euclidean norm. It carries no gradient.

    Raises:
        ValueError: for a tensor whose shape does not fit, or a setting out of range.

    Reference:
        Lecture notes, "Vanishing/ exploding gradient problems".

    Example: h_t = ½·h_{t−1}, so each step back halves the gradient.

    >>> x, w, u = ops.zeros((1, 3, 1)), ops.zeros((1, 1)), ops.full((1, 1), 0.5)
    >>> norms = gradient_flow(ops.ones((1, 1)), x, w, u, cell="simple", activation="linear")
    >>> ops.convert_to_numpy(norms).tolist()
    [[0.25, 0.5, 1.0]]
    """
    step = STEPS[choice("cell", cell, STEPS)](**settings)
    unknown = [activation for activation in step.activations if not is_known(activation)]
    if unknown:
        raise argument_error("activation", "one whose derivative is written out", unknown[0])
    given, _ = prepare(step, inputs, kernel, recurrent_kernel, bias, initial_state, mask)
    upstream = ops.cast(real("upstream", upstream), given.sequence.dtype)
    (batch, time, _), units = given.sequence.shape, given.recurrent_kernel.shape[0]
    if tuple(upstream.shape) not in ((batch, time, units), (batch, units)):
        expected = f"of shape {(batch, time, units)} or {(batch, units)}"
        raise argument_error("upstream", expected, tuple(upstream.shape))
    d_states = [ops.zeros_like(state) for state in given.states]
    if state_upstream is not None:
        d_states = [real("state_upstream", d_state) for d_state in tree.flatten(state_upstream)]
        check_states("state_upstream", d_states, step.states, (batch, units))
        d_states = [ops.cast(d_state, upstream.dtype) for d_state in d_states]
    spec = RecurrenceSpec(step, len(upstream.shape) == 3, checked_truncate(truncate))
    upstream = outputs_of([upstream], given, spec, zero_output_for_mask)
    if spec.return_sequences:
        d_found = [*d_states, upstream]
    else:
        d_found = [d_states[0] + upstream, *d_states[1:]]
    tensors, spec = spec.pack(given)
    return _gradient_flow(*d_found, *tensors, training=False, spec=spec)


def gradient_flow_forward(*tensors, spec):
    """The norms, by a forward and a backward pass."""
    count = spec.step.states + spec.return_sequences
    upstream, tensors = tensors[:count], tensors[count:]
    _, residuals = recurrence_forward(*tensors, spec=spec)
    d_hidden = recurrence_backward(upstream, tensors, residuals, spec=spec, of_hidden=True)
    return ops.sqrt(ops.sum(ops.square(d_hidden), axis=-1)), ()


def gradient_flow_backward(upstream, inputs, residuals, spec):
    """None for every input: the norms carry no gradient."""
    return (None,) * len(inputs)


_gradient_flow = Op(gradient_flow_forward, gradient_flow_backward)
