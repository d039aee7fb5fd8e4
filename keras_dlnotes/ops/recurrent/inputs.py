"""What a recurrence reads, what it is besides its tensors, and the pieces that its passes share."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from keras import ops

from keras_dlnotes.ops.recurrent.kernel import Kernel

_OPTIONAL = ("mask", "input_masks", "recurrent_masks")
SHARED = 3  # the last tensors of `pack` belong to all rows of the batch
_HEADROOM = 2.0**8  # a power of 2, so that no digit changes


class Inputs(NamedTuple):
    """The tensors of a recurrence."""

    sequence: Any  # (batch, time, features)
    states: tuple  # each (batch, units)
    mask: Any  # boolean (batch, time, 1), False where a step is skipped; or None
    input_masks: Any  # (batch, blocks, features), dropout of x for each gate; or None
    recurrent_masks: Any  # (batch, blocks, units), dropout of h for each gate; or None
    kernel: Any  # (features, blocks · units)
    recurrent_kernel: Any  # (units, blocks · units)
    bias: Any


@dataclass(frozen=True)
class RecurrenceSpec:
    """All of a recurrence but its tensors. It is hashable: a program is compiled for each."""

    step: Any  # the maths of one step
    return_sequences: bool = True  # whether the h of all steps follow the last states
    truncate: int | None = None  # length of the blocks that gradients stay within
    optional: tuple[str, ...] = ()  # which of the optional tensors are there

    @property
    def saved(self) -> int:
        """How many residuals there are: the factor of ∂E/∂a, h before, and those of the states."""
        return 2 + self.step.factors + self.step.carried

    def pack(self, inputs: Inputs) -> tuple[tuple, "RecurrenceSpec"]:
        """Returns the tensors in a row, and the spec that can `unpack` them."""
        names = tuple(name for name in _OPTIONAL if getattr(inputs, name) is not None)
        optional = [getattr(inputs, name) for name in names]
        return (inputs.sequence, *inputs.states, *optional, *inputs[-SHARED:]), replace(
            self, optional=names
        )

    def unpack(self, tensors) -> Inputs:
        """Returns the tensors by their names."""
        sequence, *rest = tensors
        states, rest = tuple(rest[: self.step.states]), rest[self.step.states :]
        optional = dict.fromkeys(_OPTIONAL) | dict(zip(self.optional, rest, strict=False))
        weights = dict(zip(Inputs._fields[-SHARED:], rest[-SHARED:], strict=True))
        return Inputs(sequence, states, **optional, **weights)


def input_kernel(inputs):
    """W, with the dropout masks of the inputs."""
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


def select(condition, left, right):
    """Each of the left where the condition holds, each of the right elsewhere."""
    return [ops.where(condition, *pair) for pair in zip(left, right, strict=True)]


def starts_block(t, truncate):
    """Whether step t is the first of a block other than the first block."""
    return ops.logical_and(t > 0, t % truncate == 0)


def outputs_of(found, inputs, spec, zero_output_for_mask):
    """The outputs, 0 where there are none: before the first live step, or at all skipped ones.

    Args:
        found: the last states and, with `return_sequences`, the h of all steps.
        inputs: what was passed.
        spec: the recurrence.
        zero_output_for_mask: whether the output of a skipped step is 0, or that before it.
    """
    mask, sequences = inputs.mask, spec.return_sequences
    outputs = found[-1] if sequences else found[0]
    if mask is None and (sequences or inputs.sequence.shape[1] is not None):
        return outputs
    if mask is None:
        shown = ops.shape(inputs.sequence)[1] > 0
    elif sequences:
        shown = mask if zero_output_for_mask else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
    else:
        shown = ops.any(mask[:, -1:] if zero_output_for_mask else mask, axis=1)
    return ops.where(shown, outputs, ops.zeros_like(outputs))
