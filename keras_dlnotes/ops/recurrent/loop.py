"""Loops over time that write their results in place: what hand-written gradients are made of.

On TensorFlow and JAX `keras.ops.slice_update` inside `keras.ops.while_loop` is XLA's update of a
slice, which overwrites the buffer once the loop is compiled. PyTorch runs step by step and assigns,
because there `slice_update` would copy. No framework differentiates these loops: they are for
functions that come with a gradient of their own.
"""

import keras
from keras import ops


def repeat(body, count, variables):
    """Returns the variables after `variables = body(index, *variables)` for index 0 … count − 1."""
    if _runs_in_python():
        for index in range(int(count)):
            variables = body(index, *variables)
        return variables
    return ops.while_loop(
        lambda index, *_: index < count,
        lambda index, *variables: (index + 1, *body(index, *variables)),
        (0, *variables),
    )[1:]


def write(sequence, t, entry):
    """Returns the sequence (batch, time, …) with `entry` (batch, …) as its step t."""
    if _runs_in_python():
        sequence[:, t] = entry
        return sequence
    start = [0, t, *[0] * (len(sequence.shape) - 2)]
    return ops.slice_update(sequence, start, entry[:, None])


def _runs_in_python() -> bool:
    return keras.backend.backend() == "torch"
