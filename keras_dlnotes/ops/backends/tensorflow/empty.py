"""Empty batches, of which TensorFlow's kernels return wrong shapes, and gradients nobody wrote."""

import numpy as np
import tensorflow as tf


def filled(*tensors):
    """Returns the tensors, an image of zeros in the place of none, and how many there were and are.

    A graph that leaves the number open copies nothing unless it is 0.
    """
    count = tf.shape(tensors[0])[0]
    more = tf.cast(tf.equal(count, 0), tf.int32)
    full = []
    for tensor in tensors:
        behind = np.zeros((len(tensor.shape), 2), "int32")
        behind[0, 1] = 1
        images = tf.pad(tensor, more * behind)
        images.set_shape((None, *tensor.shape[1:]))  # which TensorFlow cannot tell
        full.append(images)
    return full, count, count + more
