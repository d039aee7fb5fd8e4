"""A recurrence as one differentiable op, and its forward pass where no gradient is written out.

`through_time` has the passes that a gradient is written out for. Here are the outputs alone: for
inference, for a framework to differentiate, and for files.
"""

from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.exporting import refuse_onnx_on_jax
from keras_dlnotes.ops.recurrent.inputs import (
    SHARED,
    Inputs,
    flat,
    input_products,
    is_border,
    named,
    recurrent_kernel,
    room,
    select,
    shown_outputs,
    with_bias,
)
from keras_dlnotes.ops.recurrent.loop import exportable_scan, repeat, scan, write
from keras_dlnotes.ops.recurrent.through_time import (
    recurrence_backward,
    recurrence_forward,
    recurrence_gradients,
)
from keras_dlnotes.ops.vjp import Op


def recurrence(
    inputs: Inputs, step, plain=False, training=True, concurrent_calls=1, **settings
) -> tuple:
    """Returns (outputs, *last states), differentiable by the rule below or, if `plain`, without.

    Args:
        inputs: the tensors, all of one floating-point type but for the mask.
        step: an instance of one of the steps.
        plain: whether the framework differentiates, for activations that have no rule here.
        training: whether a gradient will be asked for.
        concurrent_calls: how many such recurrences run concurrently.
        settings: `return_sequences`, whether the outputs are the hidden states of all steps
            (batch, time, units) or that of the last one (batch, units); `zero_output_for_mask`,
            whether the output of a skipped step is 0 and not that of the step before; `truncate`,
            the length τ of blocks whose borders no gradient crosses, or None.
    """
    tensors, settings = flat(inputs, step, settings)
    if plain:
        return _recurrence.plain(*tensors, **settings)
    return _recurrence(*tensors, training=training, concurrent_calls=concurrent_calls, **settings)


def recurrence_inference(
    *tensors, step, given, units, return_sequences, zero_output_for_mask, truncate
):
    """The outputs alone, written in place: nothing is saved, and nothing differentiates it."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    bias = step.input_bias(inputs.bias)  # added in the loop, as above
    products = input_products(inputs)
    hidden = [room(inputs.sequence, length, units)] if return_sequences else []

    def body(t, *variables):
        before, hidden = variables[: step.states], variables[step.states :]
        states, _ = step.forward(with_bias(products[:, t], bias), before, recurrent)
        if inputs.mask is not None:
            states = select(inputs.mask[:, t, None], states, before)
        return (*states, *(write(buffer, t, states[0]) for buffer in hidden))

    variables = repeat(body, length, (*inputs.states, *hidden))
    states = variables[: step.states]
    outputs = variables[-1] if return_sequences else states[0]
    outputs = shown_outputs(outputs, inputs.mask, return_sequences, zero_output_for_mask)
    return (outputs, *states)


def recurrence_plain(
    *tensors, step, given, units, return_sequences, zero_output_for_mask, truncate, scan=scan
):
    """The outputs alone, by operations that every framework differentiates."""
    inputs = named(tensors, step, given)
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    # one tensor for the scan, because TensorFlow's takes several of known length alone
    by_step = [with_bias(input_products(inputs), step.input_bias(inputs.bias))]
    if inputs.mask is not None:
        by_step.append(ops.cast(ops.expand_dims(inputs.mask, -1), by_step[0].dtype))
    if truncate is not None:
        border = ops.cast(is_border(ops.arange(length), truncate), by_step[0].dtype)
        by_step.append(ops.zeros_like(by_step[0][..., :1]) + border[None, :, None])
    width = step.blocks * units

    def body(before, now):
        a, flags = now[:, :width], now[:, width:]
        if truncate is not None:
            cut_off = [ops.stop_gradient(state) for state in before]
            before = select(flags[:, -1:] > 0, cut_off, before)
        states, _ = step.forward(a, before, recurrent, saves=True)
        if inputs.mask is not None:
            states = select(flags[:, :1] > 0, states, before)
        return states

    sequence = ops.transpose(ops.concatenate(by_step, axis=-1), (1, 0, 2))
    states, by_time = scan(body, inputs.states, sequence)
    outputs = ops.transpose(by_time, (1, 0, 2)) if return_sequences else states[0]
    return (shown_outputs(outputs, inputs.mask, return_sequences, zero_output_for_mask), *states)


_by_own_kernel = current.function("recurrence", "recurrence")


def recurrence_exported(*tensors, **settings):
    """The outputs alone, for a file: by PyTorch's kernels, or a loop that the formats know."""
    refuse_onnx_on_jax("recurrent layers")
    if current.framework().prefers_own_kernels:
        outputs = _by_own_kernel(*tensors, **settings | {"truncate": None})
        if outputs is not NotImplemented:
            return outputs
        # PyTorch writes the steps one by one, and Keras shows it one where the length is open
        if tensors[0].shape[1] == 1:
            expected = "of a fixed length, of more than one step, in a file that PyTorch writes"
            hint = "For any length, load the model on the TensorFlow backend and export it there."
            raise argument_error("inputs", expected, tuple(tensors[0].shape), hint)
    return recurrence_plain(*tensors, **settings, scan=exportable_scan)


_recurrence = Op(
    recurrence_forward,
    recurrence_backward,
    finish=recurrence_gradients,
    plain=recurrence_plain,
    inference=recurrence_inference,
    shared_inputs=SHARED,
    exported=recurrence_exported,
    own_kernel=_by_own_kernel,
)
