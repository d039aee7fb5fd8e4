"""Loops over time.

`repeat`, `empty_buffer` and `write` serve hand-written gradients: they write in place. On
TensorFlow and JAX `keras.ops.slice_update` inside `keras.ops.while_loop` is XLA's update of a
slice, which overwrites the buffer once the loop is compiled. PyTorch runs step by step and assigns,
because there `slice_update` would copy. No framework differentiates these loops: they are for
functions that come with a gradient of their own. `single_thread_branch` keeps a long body of small
kernels on one thread.

`scan` is for the frameworks to differentiate, `exportable_scan` for the formats of files.
"""

import functools

import keras
from keras import ops

from keras_dlnotes.ops.backends.current import framework

_FEW_NUMBERS = 512  # measured: with twice as many it makes no difference, with more it is slower
_ROWS = 16  # half of Keras's usual batch, where the batch is not known


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


def repeat_backwards(body, count, variables):
    """The same for index count − 1 … 0.

    The index itself descends: for one computed from the count, XLA takes the count as a constant
    and compiles a program for each.
    """
    if _runs_in_python():
        for index in reversed(range(int(count))):
            variables = body(index, *variables)
        return variables
    return ops.while_loop(
        lambda index, *_: index >= 0,
        lambda index, *variables: (index - 1, *body(index, *variables)),
        (count - 1, *variables),
    )[1:]


def empty_buffer(like, length, width, value=0):
    """A tensor (batch, length, width) to write into, filled with the value."""
    return ops.full((ops.shape(like)[0], length, width), value, like.dtype)


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


def single_thread_branch(t, state, blocks):
    """Returns `branch(compute, otherwise)` for step t of a loop, which returns `compute()`.

    On a CPU, XLA (of TensorFlow 2.21) runs a body of at most eight kernels on the thread that
    entered the loop. A longer one goes from thread to thread, which takes more time than the
    kernels do where these are small. A branch counts as one kernel, whatever it holds. So
    where it pays, this is a branch whose condition always holds, which XLA does not know.

    Args:
        t: the number of the step, from 0.
        state: (batch, units), a tensor of the size that the kernels read and write.
        blocks: how many blocks of units a step computes; the body of one is short anyway.
    """
    compiled_alone = framework().compiles_each_op and not framework().has_gpu()
    if blocks == 1 or not has_small_kernels(*state.shape) or not compiled_alone:
        return lambda compute, otherwise: compute()
    return functools.partial(ops.cond, t >= 0)


def has_small_kernels(rows, units) -> bool:
    """Whether the kernels of a step are small, of a number of rows that may be None."""
    return (rows or _ROWS) * units <= _FEW_NUMBERS


def _runs_in_python() -> bool:
    return framework().loops_in_python


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
