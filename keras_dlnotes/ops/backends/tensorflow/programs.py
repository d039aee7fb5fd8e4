"""Programs that XLA compiles: for one shape each, or for few numbers of rows (TensorFlow).

XLA compiles a program for each shape, which takes some tenths of a second, and TensorFlow one for
each trace, though it be of the same shape. A last batch with fewer rows costs Keras one more trace,
of open length, and would so cost two more programs for each op. So where the rows of a batch do not
depend on each other, a function is traced for an open number of rows at once, and the rows are
filled up to a number that has its program: the largest that was ever met, or that divided by 4, by
16 and so on.
"""

import itertools
from collections.abc import Callable

import tensorflow as tf

_DIVISORS = [4**power for power in range(12)]
_numbers = itertools.count()


def program(function: Callable) -> Callable:
    """Returns the function compiled, for each shape anew."""
    return tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)


class RowsInUse:
    """The numbers of rows that programs are compiled for: the largest ever met and its parts."""

    def __init__(self):
        # a plain resource: a tf.Variable would be mirrored or refused within a strategy
        with tf.init_scope():
            name = f"keras_dlnotes_most_rows_{next(_numbers)}"
            self._most = tf.raw_ops.VarHandleOp(dtype=tf.int32, shape=[], shared_name=name)
            tf.raw_ops.AssignVariableOp(resource=self._most, value=tf.constant(0))
        self._known = 0

    def __del__(self):
        if tf is not None and self._most is not None:
            with tf.init_scope():
                tf.raw_ops.DestroyResourceOp(resource=self._most)

    def meet(self, rows: int):
        """Takes note of a number that the graph knows, which has programs of its own."""
        if rows > self._known:
            self._known = rows
            with tf.init_scope():
                self.target(tf.constant(rows))

    def target(self, rows):
        """How many rows a program computes for this many, of which 0 need none."""
        most = tf.raw_ops.ReadVariableOp(resource=self._most, dtype=tf.int32)
        sizes = tf.stack([(most + divisor - 1) // divisor for divisor in _DIVISORS])
        target = tf.reduce_min(tf.where(sizes >= rows, sizes, tf.int32.max))
        target = tf.where(rows > most, rows, target)
        tf.raw_ops.AssignVariableOp(resource=self._most, value=tf.maximum(most, rows))
        return target


class RowPrograms:
    """Compiles functions of tensors that all have the batch as their first axis."""

    def __init__(self):
        self._rows = RowsInUse()

    def program(self, function: Callable) -> Callable:
        """Returns the function compiled for few numbers of rows."""
        traces: dict = {}

        def call(*arguments):
            leaves = tf.nest.flatten(arguments)
            present = [number for number, leaf in enumerate(leaves) if leaf is not None]
            tensors = [leaves[number] for number in present]
            specs = tuple(tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in tensors)

            def compiled(*tensors):
                found = dict(zip(present, tensors, strict=True))
                packed = [found.get(number) for number in range(len(leaves))]
                return function(*tf.nest.pack_sequence_as(arguments, packed))

            key = tuple(present), specs
            if key not in traces:
                traces[key] = self._filled(program(compiled)).get_concrete_function(*specs)
            rows = tensors[0].shape[0]
            return tf.nest.map_structure(
                lambda t: None if t is None else tf.ensure_shape(t, [rows, *t.shape[1:]]),
                traces[key](*tensors),
            )

        return call

    def _filled(self, compiled):
        """The compiled function on rows that are filled up, as one graph."""

        def filled(*tensors):
            rows = tf.shape(tensors[0])[0]
            more = self._rows.target(rows) - rows
            found = compiled(*(fill(tensor, more) for tensor in tensors))
            return first_rows(found, rows)

        return tf.function(filled, autograph=False)


def first_rows(tensors, rows):
    """The first rows of each tensor in a structure; None stays None."""
    return tf.nest.map_structure(lambda t: None if t is None else t[:rows], tensors)


def fill(tensor, more):
    """The tensor with this many more rows of zeros."""
    paddings = tf.pad([[0, more]], [[0, tensor.shape.rank - 1], [0, 0]])
    return tf.ensure_shape(tf.pad(tensor, paddings), [None, *tensor.shape[1:]])
