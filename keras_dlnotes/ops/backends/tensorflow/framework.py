"""What the ops ask about TensorFlow."""

import tensorflow as tf

from keras_dlnotes.ops.backends.framework import Framework


class TensorFlow(Framework):
    """TensorFlow, where XLA compiles each op inside plain graphs."""

    asserts_in_graphs = True
    compiles_each_op = True
    fails_on_empty_batches = True
    sums_pairwise = False

    def runs_concurrently(self) -> bool:
        return not tf.executing_eagerly()

    def known_value(self, tensor):
        return None if tf.is_symbolic_tensor(tensor) else tensor.numpy().item()


FRAMEWORK = TensorFlow()
