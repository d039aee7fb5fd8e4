"""Sequences whose length a graph does not know, padded so that few lengths get compiled.

A compiler makes a program for each length, which takes a second or two. So a batch of such a length
gets steps at its end that a mask skips, up to the next multiple of 1 (to 8 steps), 2 (to 16), 4 (to
32), 8 (to 64) and so on: four lengths for each doubling, and at most a quarter more steps. A
sequence of no steps gets one, so that there is a last one.
"""

from keras import ops

_EXACT = 8
_DOUBLINGS = 20


def pad_to_bucket(inputs):
    """Returns the inputs of a recurrence at the next length in use, and their own length."""
    batch, length = ops.shape(inputs.sequence)[:2]
    more = 1 if inputs.sequence.shape[1] == 0 else _rounded_up(length) - length
    steps = ops.broadcast_to(ops.arange(length + more)[None] < length, (batch, length + more))
    if inputs.mask is not None:
        steps = ops.concatenate([inputs.mask, steps[:, length:]], axis=1)
    padding = ops.zeros((batch, more, inputs.sequence.shape[2]), inputs.sequence.dtype)
    return inputs._replace(
        sequence=ops.concatenate([inputs.sequence, padding], axis=1), mask=steps
    ), length


def _rounded_up(length):
    limits = ops.convert_to_tensor([_EXACT << n for n in range(_DOUBLINGS)], "int32")
    unit = ops.left_shift(1, ops.sum(ops.cast(length > limits, "int32")))
    return ops.maximum((length + unit - 1) // unit * unit, 1)
