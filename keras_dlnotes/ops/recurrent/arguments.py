"""The arguments of the recurrent ops, checked and converted to the tensors of a recurrence."""

from typing import Any

from keras import ops, tree

from keras_dlnotes.common.checks import argument_error, integer, shape
from keras_dlnotes.ops.dtypes import float_type, real, wide
from keras_dlnotes.ops.recurrent.inputs import Inputs


def checked_truncate(truncate):
    """Returns the length ≥ 1, or None for no truncation."""
    return None if truncate is None else integer("truncate", truncate, minimum=1)


def prepare(
    step,
    inputs,
    kernel,
    recurrent_kernel,
    bias=None,
    initial_state=None,
    mask=None,
    input_masks=None,
    recurrent_masks=None,
) -> tuple[Inputs, str]:
    """Returns all tensors, half precision as float32, and the type of the outputs.

    Raises where a shape does not fit, or a tensor is not real.
    """
    found: dict[str, Any] = {
        "inputs": inputs,
        "kernel": kernel,
        "recurrent_kernel": recurrent_kernel,
        "bias": bias,
        "input_masks": input_masks,
        "recurrent_masks": recurrent_masks,
    }
    found = {name: real(name, value) for name, value in found.items() if value is not None}
    states = None
    if initial_state is not None:
        states = [real("initial_state", state) for state in tree.flatten(initial_state)]
    dtype = float_type(*(tensor.dtype for tensor in (*found.values(), *(states or ()))))
    found = {name: ops.cast(tensor, wide(dtype)) for name, tensor in found.items()}

    shape("inputs", found["inputs"], (None, None, None))
    batch, time, features = found["inputs"].shape
    shape("recurrent_kernel", found["recurrent_kernel"], (None, None))
    units = found["recurrent_kernel"].shape[0]
    if not units:
        raise argument_error("recurrent_kernel", "of at least one unit", (units, 0))
    width = step.blocks * units
    shapes = {
        "kernel": (features, width),
        "recurrent_kernel": (units, width),
        "bias": (*step.biases, width),
        "input_masks": (batch, step.blocks, features),
        "recurrent_masks": (batch, step.blocks, units),
    }
    for name, expected in shapes.items():
        if name in found:
            shape(name, found[name], expected)
    if bias is None:
        found["bias"] = ops.zeros(shapes["bias"], wide(dtype))
    if states is None:
        zeros = ops.zeros((ops.shape(found["inputs"])[0], units), wide(dtype))
        states = step.initial_states(zeros, found["bias"])
    check_states("initial_state", states, step.states, (batch, units))
    return Inputs(
        sequence=found.pop("inputs"),
        states=tuple(ops.cast(state, wide(dtype)) for state in states),
        mask=None if mask is None else ops.expand_dims(checked_mask(mask, (batch, time)), -1),
        **{"input_masks": None, "recurrent_masks": None, **found},
    ), dtype


def check_states(name, states, count, of_each) -> None:
    """Raises unless there are so many states, each of that shape as far as it is known."""
    if len(states) != count:
        expected = f"{count} tensor{'s' if count > 1 else ''} (batch, units)"
        raise argument_error(name, expected, f"{len(states)} of them")
    for state in states:
        shape(name, state, of_each)


def checked_mask(mask, steps):
    """Returns a mask as booleans (batch, time); one that is (batch, time, 1) serves as well."""
    mask = ops.cast(real("mask", mask), "bool")
    if len(mask.shape) == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    shape("mask", mask, steps)
    return mask
