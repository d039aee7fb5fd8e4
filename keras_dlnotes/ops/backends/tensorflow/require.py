"""Conditions that a graph of TensorFlow checks when it runs."""

import tensorflow as tf


def known(tensor):
    """Returns the value of a scalar, or None in a graph, where it has none yet."""
    return None if tf.is_symbolic_tensor(tensor) else tensor.numpy().item()


def of_values(tensor, condition, sentence: str, *found):
    """Returns the tensor, behind a check that raises the sentence and what was found.

    XLA drops the check: a compiled program cannot raise on account of a value.
    """
    with tf.control_dependencies([tf.debugging.Assert(condition, [sentence, *found])]):
        return tf.identity(tensor)


def of_shapes(tensor, condition, sentence: str, found, name: str):
    """Returns the tensor, behind a check of something that the shapes of tensors tell alone.

    XLA knows all shapes when it compiles. It refuses a negative length then, and what it says of it
    is the name of the node.
    """
    checked = of_values(tf.where(condition, 0, -1), condition, sentence, found)
    with tf.control_dependencies([tf.fill([checked], 0, name=name)]):
        return tf.identity(tensor)
