"""Recurrence over a whole sequence, and back-propagation through time.

    h_t = step(x_t W + b, h_{t−1})

The products x_t W of all steps are one product before the loop. While a step's gates are at hand,
the loop computes all that the way back will multiply by: the factor of ∂E/∂a_t, in the place of
x_t W + b, and those of the states. With h_t that is, for an LSTM with its four gates and two
factors more, 7 numbers a unit, step and row of the batch.

The way back is one loop from the last step to the first, ∂E/∂h_t being what the output and what
step t + 1 ask for, of a few multiplications and one product a step. ∂E/∂a_t of every step is kept
(4 more numbers for the LSTM), and each sum over time is then one product:

    ∂E/∂W = Σ_t x_tᵀ ∂E/∂a_t    ∂E/∂U = Σ_t h_{t−1}ᵀ ∂E/∂a_t    ∂E/∂b = Σ_t ∂E/∂a_t
    ∂E/∂x_t = ∂E/∂a_t Wᵀ

A step that the mask skips hands the states on as they are, in both directions. With truncation,
nothing comes back from the first step of a block of τ steps to the last of the block before.
"""

from typing import Any, NamedTuple

from keras import ops

from keras_dlnotes.checks import argument_error
from keras_dlnotes.ops.exporting import refuse_onnx_on_jax
from keras_dlnotes.ops.recurrent.kernel import Kernel
from keras_dlnotes.ops.recurrent.loop import exportable_scan, repeat, scan, write
from keras_dlnotes.ops.vjp import imported_late, takes_own_kernels, with_vjp

_OPTIONAL = ("mask", "input_masks", "recurrent_masks")
_SHARED = 3  # the last tensors belong to all rows of the batch


class Inputs(NamedTuple):
    """What a recurrence reads."""

    sequence: Any  # (batch, time, features)
    states: tuple  # each (batch, units)
    mask: Any  # boolean (batch, time), False where a step is skipped; or None
    input_masks: Any  # (batch, blocks, features), dropout of x for each gate; or None
    recurrent_masks: Any  # (batch, blocks, units), dropout of h for each gate; or None
    kernel: Any  # (features, blocks · units)
    recurrent_kernel: Any  # (units, blocks · units)
    bias: Any


def recurrence(inputs: Inputs, step, plain=False, training=True, calls=1, **settings) -> tuple:
    """Returns (outputs, *last states), differentiable by the rule below or, if `plain`, without.

    Args:
        inputs: the tensors, all of one floating-point type but for the mask.
        step: an instance of one of the steps.
        plain: whether the framework differentiates, for activations that have no rule here.
        training: whether a gradient will be asked for.
        calls: how many such recurrences run side by side.
        settings: `return_sequences`, whether the outputs are the hidden states of all steps
            (batch, time, units) or that of the last one (batch, units); `zero_output_for_mask`,
            whether the output of a skipped step is 0 and not that of the step before; `truncate`,
            the length τ of blocks whose borders no gradient crosses, or None.
    """
    tensors, settings = flat(inputs, step, settings)
    if plain:
        return _recurrence.plain(*tensors, **settings)
    return _recurrence(*tensors, training=training, calls=calls, **settings)


def flat(inputs: Inputs, step, settings) -> tuple[tuple, dict]:
    """The tensors that there are, and all that the functions below must know besides."""
    given = tuple(name for name in _OPTIONAL if getattr(inputs, name) is not None)
    optional = [getattr(inputs, name) for name in given]
    weights = inputs.kernel, inputs.recurrent_kernel, inputs.bias
    tensors = (inputs.sequence, *inputs.states, *optional, *weights)
    units = inputs.recurrent_kernel.shape[0]
    return tensors, {**settings, "step": step, "given": given, "units": units}


def named(tensors, step, given) -> Inputs:
    """The tensors of `flat` by their names again."""
    sequence, *rest = tensors
    states, rest = tuple(rest[: step.states]), rest[step.states :]
    optional = dict.fromkeys(_OPTIONAL) | dict(zip(given, rest, strict=False))
    return Inputs(
        sequence, states, **optional, **dict(zip(Inputs._fields[-3:], rest[-3:], strict=True))
    )


def recurrence_forward(
    *tensors, step, given, units, return_sequences, zero_output_for_mask, truncate
):
    """(outputs, *last states), and what the way back needs: factors and hidden states."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = _recurrent(inputs, step)
    bias = step.input_bias(inputs.bias)  # added in the loop: no pass over all steps for it alone
    factors = [_room(inputs.sequence, length, units) for _ in range(step.factors)]
    hidden = write(_room(inputs.sequence, length + 1, units), 0, inputs.states[0])

    def body(t, *variables):
        before, (a, hidden, *factors) = variables[: step.states], variables[step.states :]
        states, saved = step.forward(a[:, t] + bias, before, recurrent)
        da_factor_t, factors_t = step.way_back(saved, before)
        factors = [
            write(factor, t, entry) for factor, entry in zip(factors, factors_t, strict=True)
        ]
        if inputs.mask is not None:
            states = _select(inputs.mask[:, t, None], states, before)
        return (*states, write(a, t, *da_factor_t), write(hidden, t + 1, states[0]), *factors)

    products = _kernel(inputs).product(inputs.sequence)
    variables = (*inputs.states, products, hidden, *factors)
    variables = repeat(body, length, variables)
    states, (da_factor, hidden, *factors) = variables[: step.states], variables[step.states :]
    outputs = hidden[:, 1:] if return_sequences else states[0]
    outputs = _shown(outputs, inputs.mask, return_sequences, zero_output_for_mask)
    return (outputs, *states), (da_factor, hidden, *factors)


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
    """∂E/∂x, ∂E/∂h₀ …, None for each mask, ∂E/∂W, ∂E/∂U, ∂E/∂b; or, if `of_hidden`, all ∂E/∂h_t."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = _recurrent(inputs, step)
    da_factor, hidden, *factors = residuals
    from_outputs, *d_states = upstream
    from_outputs = _shown(from_outputs, inputs.mask, return_sequences, zero_output_for_mask)
    if not return_sequences:
        d_states[0] = d_states[0] + from_outputs

    d_hidden = [_room(inputs.sequence, length, units)] if of_hidden else []

    def body(index, *variables):
        d_after, (da, *d_hidden) = list(variables[: step.states]), variables[step.states :]
        t = length - 1 - index
        if return_sequences:
            d_after[0] = d_after[0] + from_outputs[:, t]
        d_hidden = [write(buffer, t, d_after[0]) for buffer in d_hidden]
        factors_t = [factor[:, t] for factor in factors]
        da_t, d_before = step.backward(d_after, da_factor[:, t], factors_t, recurrent)
        if inputs.mask is not None:
            live = inputs.mask[:, t, None]
            d_before = _select(live, d_before, d_after)
            da_t = [ops.where(live, part, ops.zeros_like(part)) for part in da_t]
        if truncate is not None:
            nothing = [ops.zeros_like(d) for d in d_before]
            d_before = _select(_is_border(t, truncate), nothing, d_before)
        return (*d_before, write(da, t, *da_t), *d_hidden)

    da = _room(inputs.sequence, length, step.blocks * units)
    variables = repeat(body, length, (*d_states, da, *d_hidden))
    if of_hidden:
        return variables[-1]
    d_states, da = variables[: step.states], variables[step.states]
    kernel = _kernel(inputs)
    d_weights = step.gradients(hidden[:, :-1], factors, da, recurrent)
    return (
        kernel.adjoint(da),
        *d_states,
        *[None] * len(given),
        kernel.gradient(inputs.sequence, da),
        *d_weights,
    )


def recurrence_inference(
    *tensors, step, given, units, return_sequences, zero_output_for_mask, truncate
):
    """The outputs alone, written in place: nothing is saved, and nothing differentiates it."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = _recurrent(inputs, step)
    bias = step.input_bias(inputs.bias)  # added in the loop, as above
    products = _kernel(inputs).product(inputs.sequence)
    hidden = [_room(inputs.sequence, length, units)] if return_sequences else []

    def body(t, *variables):
        before, hidden = variables[: step.states], variables[step.states :]
        states, _ = step.forward(products[:, t] + bias, before, recurrent)
        if inputs.mask is not None:
            states = _select(inputs.mask[:, t, None], states, before)
        return (*states, *(write(buffer, t, states[0]) for buffer in hidden))

    variables = repeat(body, length, (*inputs.states, *hidden))
    states = variables[: step.states]
    outputs = variables[-1] if return_sequences else states[0]
    outputs = _shown(outputs, inputs.mask, return_sequences, zero_output_for_mask)
    return (outputs, *states)


def recurrence_plain(
    *tensors, step, given, units, return_sequences, zero_output_for_mask, truncate, scan=scan
):
    """The outputs alone, by operations that every framework differentiates."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = _recurrent(inputs, step)
    # one tensor for the scan, because TensorFlow's takes several of known length alone
    by_step = [_input_products(inputs, step)]
    if inputs.mask is not None:
        by_step.append(ops.cast(ops.expand_dims(inputs.mask, -1), by_step[0].dtype))
    if truncate is not None:
        border = ops.cast(_is_border(ops.arange(length), truncate), by_step[0].dtype)
        by_step.append(ops.zeros_like(by_step[0][..., :1]) + border[None, :, None])
    width = step.blocks * units

    def body(before, now):
        a, flags = now[:, :width], now[:, width:]
        if truncate is not None:
            cut_off = [ops.stop_gradient(state) for state in before]
            before = _select(flags[:, -1:] > 0, cut_off, before)
        states, _ = step.forward(a, before, recurrent)
        if inputs.mask is not None:
            states = _select(flags[:, :1] > 0, states, before)
        return states

    sequence = ops.transpose(ops.concatenate(by_step, axis=-1), (1, 0, 2))
    states, by_time = scan(body, inputs.states, sequence)
    outputs = ops.transpose(by_time, (1, 0, 2)) if return_sequences else states[0]
    return (_shown(outputs, inputs.mask, return_sequences, zero_output_for_mask), *states)


_on_torch = imported_late("keras_dlnotes.ops.recurrent.recurrence_torch:recurrence")


def recurrence_exported(*tensors, **settings):
    """The outputs alone, for a file: by PyTorch's kernels, or a loop that the formats know."""
    refuse_onnx_on_jax("recurrent layers")
    if takes_own_kernels():
        outputs = _on_torch(*tensors, **settings | {"truncate": None})
        if outputs is not NotImplemented:
            return outputs
        # PyTorch writes the steps one by one, and Keras shows it one where the length is open
        if tensors[0].shape[1] == 1:
            expected = "of a fixed length, of more than one step, in a file that PyTorch writes"
            hint = "For any length, load the model on the TensorFlow backend and export it there."
            raise argument_error("inputs", expected, tuple(tensors[0].shape), hint)
    return recurrence_plain(*tensors, **settings, scan=exportable_scan)


_recurrence = with_vjp(
    recurrence_forward,
    recurrence_backward,
    plain=recurrence_plain,
    inference=recurrence_inference,
    shared=_SHARED,
    exported=recurrence_exported,
    on_torch=_on_torch,
)


def _kernel(inputs):
    return Kernel(inputs.kernel, _by_block(inputs.input_masks))


def _recurrent(inputs, step):
    return step.recurrent(inputs.recurrent_kernel, inputs.bias, _by_block(inputs.recurrent_masks))


def _by_block(masks):
    return None if masks is None else ops.transpose(masks, (1, 0, 2))


def _input_products(inputs, step):
    """x_t W + b of all steps, as one product."""
    return _kernel(inputs).product(inputs.sequence) + step.input_bias(inputs.bias)


def _room(like, length, width):
    return ops.zeros((ops.shape(like)[0], length, width), like.dtype)


def _select(condition, left, right):
    return [ops.where(condition, *pair) for pair in zip(left, right, strict=True)]


def _is_border(t, truncate):
    """Whether step t is the first of a block; step 0 borders on no block."""
    return ops.logical_and(t > 0, t % truncate == 0)


def _shown(outputs, mask, return_sequences, zero_output_for_mask):
    """The outputs, 0 where there are none: before the first live step, or at all skipped ones."""
    if mask is None:
        return outputs
    if zero_output_for_mask:
        shown = mask if return_sequences else mask[:, -1]
    else:
        shown = ops.any(mask, axis=1)
        if return_sequences:
            first = ops.argmax(ops.cast(mask, "int32"), axis=1)
            steps = ops.expand_dims(ops.arange(ops.shape(mask)[1]), 0)
            shown = ops.expand_dims(shown, 1) & (steps >= ops.expand_dims(first, 1))
    return ops.where(ops.expand_dims(shown, -1), outputs, ops.zeros_like(outputs))
