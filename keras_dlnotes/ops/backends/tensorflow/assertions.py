"""Conditions that a TensorFlow graph checks when it runs."""

import tensorflow as tf


def assert_values(tensor, condition, sentence: str, *found):
    """Returns the tensor behind a check that raises the sentence and the values found.

    XLA drops the check: a compiled program cannot raise because of a value.
    """
    with tf.control_dependencies([tf.debugging.Assert(condition, [sentence, *found])]):
        return tf.identity(tensor)


def assert_shapes(tensor, condition, sentence: str, found, name: str):
    """Returns the tensor behind a check of a condition on the shapes of tensors alone.

    XLA knows all shapes when it compiles. It then refuses a negative length, and its message
    quotes the name of the node.
    """
    checked = assert_values(tf.where(condition, 0, -1), condition, sentence, found)
    with tf.control_dependencies([tf.fill([checked], 0, name=name)]):
        return tf.identity(tensor)
