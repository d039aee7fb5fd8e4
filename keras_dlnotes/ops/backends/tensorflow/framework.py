"""What the ops ask about TensorFlow."""

import math

import tensorflow as tf

from keras_dlnotes.ops.backends.framework import Framework

_FEW_ROWS, _FEW = 2**8, 2**16  # which one thread adds up before two have started


class TensorFlow(Framework):
    """TensorFlow, where XLA compiles each op inside plain graphs."""

    averages_natively = True
    asserts_in_graphs = True
    compiles_each_op = True
    fails_on_empty_batches = True

    def runs_concurrently(self) -> bool:
        return not tf.executing_eagerly()

    def sum_rows(self, rows):
        """By products with ones, which are faster than the sum along columns, and more exact.

        Not on a GPU, where products may round their factors.
        """
        count, width = rows.shape
        if self.has_gpu() or width == 0:
            return tf.reduce_sum(rows, 0)
        if None in (count, width):
            (count, width), parts = tf.unstack(tf.shape(rows)), 1
        elif count <= _FEW_ROWS and count * width <= _FEW:
            return tf.reduce_sum(rows, 0)
        else:  # in two rounds, so that the error grows with their lengths alone
            parts = max(part for part in range(1, math.isqrt(count) + 1) if count % part == 0)
        if parts > 1:
            rows = tf.ones((1, parts), rows.dtype) @ tf.reshape(rows, (parts, -1))
            rows = tf.reshape(rows, (-1, width))
        return tf.reshape(tf.ones((1, count // parts), rows.dtype) @ rows, (width,))

    def known_value(self, tensor):
        return None if tf.is_symbolic_tensor(tensor) else tensor.numpy().item()


FRAMEWORK = TensorFlow()
