"""Batches of an open number of rows, filled up to one that has its programs (TensorFlow).

For an op some of whose inputs all rows share: `programs.RowPrograms` serves the others. What a
batch is filled up with are copies of its first row, whose outputs nobody reads: they are as finite
as that row, so that with an upstream of 0 they add 0 to the gradients of the shared inputs.

The numbers are read here, outside of the graphs that pass over the rows: calls that read and write
one resource wait for each other.
"""

import tensorflow as tf

from keras_dlnotes.ops.backends.tensorflow.programs import RowsInUse, fill, first_rows


def fill_rows(forward, inference, gradients, shared: int) -> tuple:
    """Returns an op's functions for filled batches; `shared` is how many inputs are shared."""
    in_use = RowsInUse()

    def fill_inputs(inputs):
        rows = inputs[0].shape[0]
        if rows is not None:
            in_use.meet(rows)
            return inputs, None
        rows = tf.shape(inputs[0])[0]
        more = tf.where(rows > 0, in_use.target(rows) - rows, 0)
        own = [_repeat_first(tensor, more) for tensor in inputs[:-shared]]
        return (*own, *inputs[-shared:]), more

    def filled_forward(*inputs):
        filled, more = fill_inputs(inputs)
        output, residuals = forward(*filled)
        return _cut(output, inputs, more), (filled, more, residuals)

    def filled_inference(*inputs):
        filled, more = fill_inputs(inputs)
        return _cut(inference(*filled), inputs, more)

    def filled_gradients(upstream, inputs, residuals):
        filled, more, kept = residuals
        if more is None:
            return gradients(upstream, inputs, kept)
        upstream = tf.nest.map_structure(lambda tensor: fill(tensor, more), upstream)
        found = gradients(upstream, filled, kept)
        return (*_cut(tuple(found[:-shared]), inputs, more), *found[-shared:])

    return filled_forward, filled_inference, filled_gradients


def _repeat_first(tensor, more):
    """The tensor with this many copies of its first row after the last one."""
    copies = tf.tile(tensor[:1], [more, *[1] * (tensor.shape.rank - 1)])
    return tf.concat([tensor, copies], 0)


def _cut(tensors, inputs, more):
    """The tensors without the rows that the inputs were filled up with."""
    return tensors if more is None else first_rows(tensors, tf.shape(inputs[0])[0])
