"""Empty batches, for which TensorFlow's kernels return wrong shapes or have no gradient."""

import numpy as np
import tensorflow as tf


def fill_empty_batch(*tensors):
    """Returns the tensors, an empty batch replaced by one image of zeros; its size before, after.

    A graph that leaves the batch size open copies nothing unless it is 0.
    """
    count = tf.shape(tensors[0])[0]
    more = tf.cast(tf.equal(count, 0), tf.int32)
    filled = []
    for tensor in tensors:
        behind = np.zeros((len(tensor.shape), 2), "int32")
        behind[0, 1] = 1
        images = tf.pad(tensor, more * behind)
        images.set_shape((None, *tensor.shape[1:]))  # which TensorFlow cannot infer
        filled.append(images)
    return filled, count, count + more
