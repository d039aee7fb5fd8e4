"""Recurrence over a whole sequence, and back-propagation through time.

    h_t = step(x_t W + b, h_{t−1})

The products x_t W of all steps are one product before the loop. While a step's gates are at hand,
the loop computes all that the backward pass will multiply by: the factor of ∂E/∂a_t, in the place
of x_t W + b, and those of the states. With h_t that is, for an LSTM with its four gates and two
factors more, 7 numbers per unit, step and row of the batch.

The backward pass is one loop from the last step to the first, of a few multiplications and one
product per step; ∂E/∂h_t is the sum of what arrives from the output and from step t + 1. ∂E/∂a_t of
every step is kept (4 more numbers for the LSTM), and each sum over time is then one product, made
by the framework's own kernels, which are faster than XLA's:

    ∂E/∂W = Σ_t x_tᵀ ∂E/∂a_t    ∂E/∂U = Σ_t h_{t−1}ᵀ ∂E/∂a_t    ∂E/∂b = Σ_t ∂E/∂a_t
    ∂E/∂x_t = ∂E/∂a_t Wᵀ

A step that the mask skips hands the states on as they are, in both directions. With truncation,
nothing comes back from the first step of a block to the last step of the block before.

A sequence may also be passed in chunks, one after the other forward and back: each hands its states
to the next, and the sums over time add up. Then `count` is the number of a chunk's steps, which may
be less than it has room for, and `start` the place of its first in the sequence.
"""

from keras import ops

from keras_dlnotes.ops.recurrent.activations import are_smooth
from keras_dlnotes.ops.recurrent.inputs import (
    input_kernel,
    input_products,
    recurrent_kernel,
    select,
    starts_block,
    with_bias,
)
from keras_dlnotes.ops.recurrent.loop import (
    empty_buffer,
    repeat,
    repeat_backwards,
    single_thread_branch,
    write,
)


def recurrence_forward(*tensors, spec, count=None):
    """(*last states, *all h_t), and what the backward pass needs: its factors and each h_{t−1}."""
    inputs, step = spec.unpack(tensors), spec.step
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    bias = step.input_bias(inputs.bias)  # added in the loop: no pass over all steps for it alone

    def buffers(count, length=length, value=0):
        units = inputs.recurrent_kernel.shape[0]
        return [empty_buffer(inputs.sequence, length, units, value) for _ in range(count)]

    # what is carried back from a step has an entry more: nothing is carried into the last one
    carried = buffers(step.carried, length + 1, value=1)
    saved_by_step = buffers(1 + step.factors) + carried + buffers(spec.return_sequences)

    def body(t, *variables):
        before, (da_factor, *saved_by_step) = variables[: step.states], variables[step.states :]
        a = da_factor if in_place else products
        branch = single_thread_branch(t, before[0], step.blocks)  # changes the speed alone

        def after():
            states, saved = step.forward(with_bias(a[:, t], bias), before, recurrent, saves=True)
            if inputs.mask is not None:
                states = select(inputs.mask[:, t], states, before)

            def kept():
                da_factor_t, factors_t, carried_t = step.local_derivatives(saved, before)
                if inputs.mask is not None:
                    ones = [ops.ones_like(entry) for entry in carried_t]
                    carried_t = select(inputs.mask[:, t], carried_t, ones)
                entries = [before[0], *factors_t, *carried_t, *states[: spec.return_sequences]]
                pairs = zip(saved_by_step, entries, strict=True)
                written = [write(buffer, t, entry) for buffer, entry in pairs]
                return write(da_factor, t, *da_factor_t), *written

            return *states, *branch(kept, lambda: (da_factor, *saved_by_step))

        return branch(after, lambda: variables)

    products = input_products(inputs)
    # XLA computes a cheap function of a_t again wherever it is used, also where x_t W is already
    # overwritten, and for that it would copy the whole buffer at each step.
    in_place = are_smooth(step.activations)
    da_factor = products if in_place else ops.copy(products)
    count = length if count is None else count
    variables = repeat(body, count, (*inputs.states, da_factor, *saved_by_step))
    states, by_step = variables[: step.states], variables[step.states :]
    residuals = len(by_step) - spec.return_sequences
    return (*states, *by_step[residuals:]), tuple(by_step[:residuals])


def recurrence_backward(
    upstream, tensors, residuals, *, spec, start=0, count=None, of_hidden=False
):
    """∂E/∂h₀ …, all ∂E/∂a_t and what else ∂E/∂U takes; or, if `of_hidden`, all ∂E/∂h_t."""
    inputs, step = spec.unpack(tensors), spec.step
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    da_factor, hidden_before, *factors = residuals
    factors, carried = factors[: step.factors], factors[step.factors :]
    d_states, from_outputs = upstream[: step.states], upstream[step.states :]

    d_hidden = []
    if of_hidden:
        d_hidden = [empty_buffer(inputs.sequence, length, hidden_before.shape[-1])]

    def body(t, *variables):
        d_after, (da, *d_hidden) = list(variables[: step.states]), variables[step.states :]
        branch = single_thread_branch(t, d_after[0], step.blocks)
        for entry in from_outputs:
            d_after[0] = d_after[0] + entry[:, t]
        d_hidden = [write(buffer, t, d_after[0]) for buffer in d_hidden]

        def back():
            d_carried = step.carry(d_after, [factor[:, t + 1] for factor in carried])
            factors_t = [factor[:, t] for factor in factors]
            da_t, d_before = step.backward(d_carried, da_factor[:, t], factors_t, recurrent)
            if inputs.mask is not None:
                live = inputs.mask[:, t]
                d_before = select(live, d_before, d_carried)
                da_t = ops.where(live, da_t, ops.zeros_like(da_t))
            if spec.truncate is not None:
                nothing = [ops.zeros_like(d) for d in d_before]
                d_before = select(starts_block(start + t, spec.truncate), nothing, d_before)
            return da_t, *d_before

        da_t, *d_before = branch(back, lambda: (da_factor[:, t], *d_after))
        return (*d_before, write(da, t, da_t), *d_hidden)

    # A buffer of that shape, all of which is overwritten. To fill it with 0 takes all threads, and
    # would move the loop to another one, where halves of a batch get into each other's way.
    da = ops.copy(da_factor)
    count = length if count is None else count
    variables = repeat_backwards(body, count, (*d_states, da, *d_hidden))
    if of_hidden:
        return variables[-1]
    d_states, da = variables[: step.states], variables[step.states]
    d_states = step.carry(d_states, [factor[:, 0] for factor in carried])
    return (*d_states, da, *step.operands(hidden_before, factors, da))


def recurrence_gradients(tensors, residuals, found, *, spec, count=None):
    """∂E/∂x, ∂E/∂h₀ …, None for each mask, ∂E/∂W, ∂E/∂U, ∂E/∂b, from what the loop back found."""
    inputs, step = spec.unpack(tensors), spec.step
    by_step = (inputs.sequence, residuals[1], *found[step.states :])
    sequence, hidden_before, da, *operands = (entry[:, :count] for entry in by_step)
    kernel = input_kernel(inputs)
    return (
        kernel.adjoint(da),
        *found[: step.states],
        *[None] * len(spec.optional),
        kernel.gradient(sequence, da),
        *step.gradients(hidden_before, da, operands, recurrent_kernel(inputs, step)),
    )
