"""Loops over time.

`repeat` and `write` are what hand-written gradients are made of: they write in place. On TensorFlow
and JAX `keras.ops.slice_update` inside `keras.ops.while_loop` is XLA's update of a slice, which
overwrites the buffer once the loop is compiled. PyTorch runs step by step and assigns, because
there `slice_update` would copy. No framework differentiates these loops: they are for functions
that come with a gradient of their own.

`scan` is for the frameworks to differentiate, `exportable_scan` for the formats of files.
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


def write(sequence, t, *parts):
    """Returns the sequence (batch, time, width) with the parts, side by side, as its step t."""
    column = 0
    for part in parts:
        width = part.shape[-1]
        if _runs_in_python():
            sequence[:, t, column : column + width] = part
        else:
            sequence = ops.slice_update(sequence, [0, t, column], part[:, None])
        column += width
    return sequence


def _runs_in_python() -> bool:
    return keras.backend.backend() == "torch"


def scan(body, states, sequence) -> tuple:
    """Applies `states = body(states, entry)` to each entry in turn.

    Args:
        body: returns as many states, of the same shapes.
        states: those before the first step, each (batch, …).
        sequence: (time, batch, …).

    Returns:
        The last states, and what the first of them was after each step, (time, batch, …).
    """

    def both(before, entry):
        after = list(body(before, entry))
        return after, after  # one structure for both, as TensorFlow asks

    states, by_time = ops.scan(both, list(states), sequence)
    return states, by_time[0]


def exportable_scan(body, states, sequence) -> tuple:
    """`scan` of operations that SavedModel, ONNX and LiteRT all have, for any batch and time.

    TensorFlow's own would become lists of tensors, which LiteRT has for a known batch only.
    """
    if keras.backend.backend() != "tensorflow":
        return scan(body, states, sequence)
    length = ops.shape(sequence)[0]
    by_time = ops.zeros((length, *ops.shape(states[0])), states[0].dtype)

    def step(t, by_time, *states):
        states = body(states, sequence[t])
        return (t + 1, ops.scatter_update(by_time, [[t]], states[0][None]), *states)

    _, by_time, *states = ops.while_loop(lambda t, *_: t < length, step, (0, by_time, *states))
    return states, by_time
