"""Recurrence over a whole sequence, and back-propagation through time.

    h_t = step(x_t W + b, h_{t−1})

The products x_t W of all steps are one product before the loop. While a step's gates are at hand,
the loop computes all that the way back will multiply by: the factor of ∂E/∂a_t, in the place of
x_t W + b, and those of the states. With h_t that is, for an LSTM with its four gates and two
factors more, 7 numbers a unit, step and row of the batch.

The way back is one loop from the last step to the first, ∂E/∂h_t being what the output and what
step t + 1 ask for, of a few multiplications and one product a step. ∂E/∂a_t of every step is kept
(4 more numbers for the LSTM), and each sum over time is then one product, made by the framework's
own kernels, which are faster than XLA's:

    ∂E/∂W = Σ_t x_tᵀ ∂E/∂a_t    ∂E/∂U = Σ_t h_{t−1}ᵀ ∂E/∂a_t    ∂E/∂b = Σ_t ∂E/∂a_t
    ∂E/∂x_t = ∂E/∂a_t Wᵀ

A step that the mask skips hands the states on as they are, in both directions. With truncation,
nothing comes back from the first step of a block of τ steps to the last of the block before.
"""

from keras import ops

from keras_dlnotes.ops.recurrent.activations import are_smooth
from keras_dlnotes.ops.recurrent.inputs import (
    input_kernel,
    input_products,
    is_border,
    named,
    recurrent_kernel,
    room,
    select,
    shown_outputs,
    with_bias,
)
from keras_dlnotes.ops.recurrent.loop import repeat, sections, write


def recurrence_forward(
    *tensors, step, given, units, return_sequences, zero_output_for_mask, truncate
):
    """(outputs, *last states), and what the way back needs: its factors and each h_{t−1}."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    bias = step.input_bias(inputs.bias)  # added in the loop: no pass over all steps for it alone

    def rooms(count, length=length, value=0):
        return [room(inputs.sequence, length, units, value) for _ in range(count)]

    # what is carried back from a step has an entry more: nothing is carried into the last one
    buffers = rooms(1 + step.factors) + rooms(step.carried, length + 1, 1) + rooms(return_sequences)

    def body(t, *variables):
        before, (da_factor, *buffers) = variables[: step.states], variables[step.states :]
        a = da_factor if in_place else products
        section = sections(t, before[0], step.blocks)  # returns what it is given: for speed alone

        def after():
            states, saved = step.forward(with_bias(a[:, t], bias), before, recurrent, saves=True)
            if inputs.mask is not None:
                states = select(inputs.mask[:, t, None], states, before)

            def kept():
                da_factor_t, factors_t, carried_t = step.way_back(saved, before)
                if inputs.mask is not None:
                    ones = [ops.ones_like(entry) for entry in carried_t]
                    carried_t = select(inputs.mask[:, t, None], carried_t, ones)
                entries = [before[0], *factors_t, *carried_t, *states[:return_sequences]]
                pairs = zip(buffers, entries, strict=True)
                written = [write(buffer, t, entry) for buffer, entry in pairs]
                return write(da_factor, t, *da_factor_t), *written

            return *states, *section(kept, lambda: (da_factor, *buffers))

        return section(after, lambda: variables)

    products = input_products(inputs)
    # XLA computes a cheap function of a_t again wherever it is used, also where x_t W is already
    # overwritten, and for that it would copy the whole buffer at each step.
    in_place = are_smooth(step.activations)
    da_factor = products if in_place else ops.copy(products)
    variables = repeat(body, length, (*inputs.states, da_factor, *buffers))
    states, residuals = variables[: step.states], variables[step.states :]
    outputs = states[0]
    if return_sequences:
        *residuals, outputs = residuals
    outputs = shown_outputs(outputs, inputs.mask, return_sequences, zero_output_for_mask)
    return (outputs, *states), tuple(residuals)


def recurrence_backward(
    upstream,
    tensors,
    residuals,
    *,
    step,
    given,
    units,
    return_sequences,
    zero_output_for_mask,
    truncate,
    of_hidden=False,
):
    """∂E/∂h₀ …, all ∂E/∂a_t and what else ∂E/∂U takes; or, if `of_hidden`, all ∂E/∂h_t."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    da_factor, hidden_before, *factors = residuals
    factors, carried = factors[: step.factors], factors[step.factors :]
    from_outputs, *d_states = upstream
    from_outputs = shown_outputs(from_outputs, inputs.mask, return_sequences, zero_output_for_mask)
    if not return_sequences:
        d_states[0] = d_states[0] + from_outputs

    d_hidden = [room(inputs.sequence, length, units)] if of_hidden else []

    def body(index, *variables):
        d_after, (da, *d_hidden) = list(variables[: step.states]), variables[step.states :]
        t = length - 1 - index
        section = sections(index, d_after[0], step.blocks)
        if return_sequences:
            d_after[0] = d_after[0] + from_outputs[:, t]
        d_hidden = [write(buffer, t, d_after[0]) for buffer in d_hidden]

        def back():
            d_carried = step.carry(d_after, [factor[:, t + 1] for factor in carried])
            factors_t = [factor[:, t] for factor in factors]
            da_t, d_before = step.backward(d_carried, da_factor[:, t], factors_t, recurrent)
            if inputs.mask is not None:
                live = inputs.mask[:, t, None]
                d_before = select(live, d_before, d_carried)
                da_t = ops.where(live, da_t, ops.zeros_like(da_t))
            if truncate is not None:
                nothing = [ops.zeros_like(d) for d in d_before]
                d_before = select(is_border(t, truncate), nothing, d_before)
            return da_t, *d_before

        da_t, *d_before = section(back, lambda: (da_factor[:, t], *d_after))
        return (*d_before, write(da, t, da_t), *d_hidden)

    # A buffer of that shape, all of which is overwritten. To fill it with 0 takes all threads, and
    # would move the loop to another one, where halves of a batch get into each other's way.
    da = ops.copy(da_factor)
    variables = repeat(body, length, (*d_states, da, *d_hidden))
    if of_hidden:
        return variables[-1]
    d_states, da = variables[: step.states], variables[step.states]
    d_states = step.carry(d_states, [factor[:, 0] for factor in carried])
    return (*d_states, da, *step.operands(hidden_before, factors, da))


def recurrence_gradients(tensors, residuals, found, *, step, given, **_):
    """∂E/∂x, ∂E/∂h₀ …, None for each mask, ∂E/∂W, ∂E/∂U, ∂E/∂b, from what the loop back found."""
    inputs = named(tensors, step, given)
    _, hidden_before, *_ = residuals
    d_states, (da, *operands) = found[: step.states], found[step.states :]
    kernel = input_kernel(inputs)
    return (
        kernel.adjoint(da),
        *d_states,
        *[None] * len(given),
        kernel.gradient(inputs.sequence, da),
        *step.gradients(hidden_before, da, operands, recurrent_kernel(inputs, step)),
    )
