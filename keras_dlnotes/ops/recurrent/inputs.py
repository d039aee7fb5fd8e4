"""What a recurrence reads, and the small pieces that its passes share."""

from typing import Any, NamedTuple

from keras import ops

from keras_dlnotes.ops.recurrent.kernel import Kernel

_OPTIONAL = ("mask", "input_masks", "recurrent_masks")
SHARED = 3  # the last tensors of `flat` belong to all rows of the batch
_HEADROOM = 2.0**8  # a power of 2, so that no digit changes


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


def input_kernel(inputs):
    """W, seen through the masks of the inputs."""
    return Kernel(inputs.kernel, _by_block(inputs.input_masks))


def input_products(inputs):
    """x_t W of all steps, scaled down: `with_bias` scales it up.

    XLA adds a product up in several partial sums. Near the largest number one of them may be ∞ and
    another −∞, which add up to NaN where x_t W is finite, or saturates a gate.
    """
    scaled = inputs._replace(kernel=inputs.kernel / _HEADROOM)
    return input_kernel(scaled).product(inputs.sequence)


def with_bias(products, bias):
    """x_t W + b, from some of `input_products`."""
    return products * _HEADROOM + bias


def recurrent_kernel(inputs, step):
    """What the step multiplies the hidden state by."""
    return step.recurrent(inputs.recurrent_kernel, inputs.bias, _by_block(inputs.recurrent_masks))


def _by_block(masks):
    return None if masks is None else ops.transpose(masks, (1, 0, 2))


def room(like, length, width, value=0):
    """A buffer (batch, length, width) to write into."""
    return ops.full((ops.shape(like)[0], length, width), value, like.dtype)


def select(condition, left, right):
    """Each of the left where the condition holds, each of the right elsewhere."""
    return [ops.where(condition, *pair) for pair in zip(left, right, strict=True)]


def is_border(t, truncate):
    """Whether step t is the first of a block; step 0 borders on no block."""
    return ops.logical_and(t > 0, t % truncate == 0)


def shown_outputs(outputs, mask, return_sequences, zero_output_for_mask):
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
