"""A recurrence as one differentiable op, and its forward pass where no gradient is written out.

`through_time` has the passes that a gradient is written out for. Here are the outputs alone: for
inference, for a framework to differentiate, and for files.
"""

from dataclasses import replace

from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.exporting import refuse_onnx_on_jax
from keras_dlnotes.ops.recurrent.inputs import (
    SHARED,
    Inputs,
    RecurrenceSpec,
    input_products,
    recurrent_kernel,
    select,
    starts_block,
    with_bias,
)
from keras_dlnotes.ops.recurrent.loop import empty_buffer, exportable_scan, repeat, scan, write
from keras_dlnotes.ops.recurrent.through_time import (
    recurrence_backward,
    recurrence_forward,
    recurrence_gradients,
)
from keras_dlnotes.ops.vjp import Op


def recurrence(
    inputs: Inputs, spec: RecurrenceSpec, plain=False, training=True, concurrent_calls=1
) -> tuple:
    """Returns (*last states, *all h_t), differentiable by the rule below or, if `plain`, without.

    Args:
        inputs: the tensors, all of one floating-point type but for the mask.
        spec: what the recurrence is besides them, such as whether all h_t are asked for.
        plain: whether the framework differentiates, for activations that have no rule here.
        training: whether a gradient will be asked for.
        concurrent_calls: how many such recurrences run concurrently.
    """
    tensors, spec = spec.pack(inputs)
    if plain:
        return _recurrence.plain(*tensors, spec=spec)
    return _recurrence(*tensors, training=training, concurrent_calls=concurrent_calls, spec=spec)


def recurrence_inference(*tensors, spec, count=None):
    """The outputs alone, written in place: nothing is saved, and nothing differentiates it."""
    inputs, step = spec.unpack(tensors), spec.step
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    bias = step.input_bias(inputs.bias)  # added in the loop, as in `through_time`
    products = input_products(inputs)
    hidden = []
    if spec.return_sequences:
        hidden = [empty_buffer(inputs.sequence, length, inputs.recurrent_kernel.shape[0])]

    def body(t, *variables):
        before, hidden = variables[: step.states], variables[step.states :]
        states, _ = step.forward(with_bias(products[:, t], bias), before, recurrent)
        if inputs.mask is not None:
            states = select(inputs.mask[:, t], states, before)
        return (*states, *(write(buffer, t, states[0]) for buffer in hidden))

    return tuple(repeat(body, length if count is None else count, (*inputs.states, *hidden)))


def recurrence_plain(*tensors, spec, scan=scan):
    """The outputs alone, by operations that every framework differentiates."""
    inputs, step = spec.unpack(tensors), spec.step
    length = ops.shape(inputs.sequence)[1]
    recurrent = recurrent_kernel(inputs, step)
    # one tensor for the scan, because TensorFlow's takes several of known length alone
    by_step = [with_bias(input_products(inputs), step.input_bias(inputs.bias))]
    if inputs.mask is not None:
        by_step.append(ops.cast(inputs.mask, by_step[0].dtype))
    if spec.truncate is not None:
        starts = ops.cast(starts_block(ops.arange(length), spec.truncate), by_step[0].dtype)
        by_step.append(ops.zeros_like(by_step[0][..., :1]) + starts[None, :, None])
    width = inputs.kernel.shape[1]

    def body(before, now):
        a, flags = now[:, :width], now[:, width:]
        if spec.truncate is not None:
            cut_off = [ops.stop_gradient(state) for state in before]
            before = select(flags[:, -1:] > 0, cut_off, before)
        states, _ = step.forward(a, before, recurrent, saves=True)
        if inputs.mask is not None:
            states = select(flags[:, :1] > 0, states, before)
        return states

    sequence = ops.transpose(ops.concatenate(by_step, axis=-1), (1, 0, 2))
    states, by_time = scan(body, inputs.states, sequence)
    return (*states, *([ops.transpose(by_time, (1, 0, 2))] if spec.return_sequences else []))


_by_own_kernel = current.function("recurrence", "recurrence")


def recurrence_exported(*tensors, spec):
    """The outputs alone, for a file: by PyTorch's kernels, or a loop that the formats know."""
    refuse_onnx_on_jax("recurrent layers")
    if current.framework().prefers_own_kernels:
        outputs = _by_own_kernel(*tensors, spec=replace(spec, truncate=None))
        if outputs is not NotImplemented:
            return outputs
        # PyTorch writes the steps one by one, and Keras shows it one where the length is open
        if tensors[0].shape[1] == 1:
            expected = "of a fixed length, of more than one step, in a file that PyTorch writes"
            hint = "For any length, load the model on the TensorFlow backend and export it there."
            raise argument_error("inputs", expected, tuple(tensors[0].shape), hint)
    return recurrence_plain(*tensors, spec=spec, scan=exportable_scan)


_recurrence = Op(
    recurrence_forward,
    recurrence_backward,
    finish=recurrence_gradients,
    plain=recurrence_plain,
    inference=recurrence_inference,
    shared_inputs=SHARED,
    exported=recurrence_exported,
    own_kernel=_by_own_kernel,
    in_chunks=current.function("time_chunks", "in_chunks"),
)
