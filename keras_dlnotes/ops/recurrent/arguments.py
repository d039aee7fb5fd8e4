"""What the recurrent ops are given, checked and made into the tensors of a recurrence."""

import keras
from keras import ops

from keras_dlnotes.checks import argument_error, integer
from keras_dlnotes.ops.recurrent.inputs import Inputs


def checked_truncate(truncate):
    """Returns τ ≥ 1, or None for no truncation."""
    return None if truncate is None else integer("truncate", truncate, minimum=1)


def prepared(
    step,
    inputs,
    kernel,
    recurrent_kernel,
    bias=None,
    initial_state=None,
    mask=None,
    input_masks=None,
    recurrent_masks=None,
) -> Inputs:
    """Returns all tensors, half precision as float32; raises where a shape does not fit."""
    inputs = ops.convert_to_tensor(inputs)
    if len(inputs.shape) != 3:
        raise argument_error("inputs", "(batch, time, features)", tuple(inputs.shape))
    dtype = keras.backend.result_type(inputs.dtype, "float32")
    batch, _, features = inputs.shape

    def tensor(name, value, shape):
        value = ops.cast(ops.convert_to_tensor(value), dtype)
        _check_shape(name, value, shape)
        return value

    recurrent_kernel = ops.convert_to_tensor(recurrent_kernel)
    if len(recurrent_kernel.shape) != 2:
        raise argument_error("recurrent_kernel", "a matrix", tuple(recurrent_kernel.shape))
    units = recurrent_kernel.shape[0]
    width = step.blocks * units
    bias_shape = (*step.biases, width)
    bias = ops.zeros(bias_shape, dtype) if bias is None else tensor("bias", bias, bias_shape)
    if initial_state is None:
        zeros = ops.zeros((ops.shape(inputs)[0], units), dtype)
        states = step.initial_states(zeros, bias)
    else:
        states = keras.tree.flatten(initial_state)
    if len(states) != step.states:
        raise argument_error("initial_state", f"{step.states} tensors", f"{len(states)} of them")
    return Inputs(
        sequence=ops.cast(inputs, dtype),
        states=tuple(tensor("initial_state", state, (batch, units)) for state in states),
        mask=None if mask is None else _mask(mask, inputs),
        input_masks=None
        if input_masks is None
        else tensor("input_masks", input_masks, (batch, step.blocks, features)),
        recurrent_masks=None
        if recurrent_masks is None
        else tensor("recurrent_masks", recurrent_masks, (batch, step.blocks, units)),
        kernel=tensor("kernel", kernel, (features, width)),
        recurrent_kernel=tensor("recurrent_kernel", recurrent_kernel, (units, width)),
        bias=bias,
    )


def _mask(mask, inputs):
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    if len(mask.shape) == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    _check_shape("mask", mask, inputs.shape[:2])
    return mask


def _check_shape(name, tensor, shape):
    """Raises unless the tensor has the shape, as far as both are known."""
    found = tuple(tensor.shape)
    if len(found) != len(shape) or any(
        None not in pair and pair[0] != pair[1] for pair in zip(found, shape, strict=True)
    ):
        raise argument_error(name, f"of shape {tuple(shape)}", found)
