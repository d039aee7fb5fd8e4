"""Half precision where TensorFlow's kernels would also sum in half precision."""

import functools

import tensorflow as tf

from keras_dlnotes.ops.vjp import has_gpu


def in_float32(*types, on_gpu: bool = False):
    """Hands a function of two tensors float32 in the place of some types, and gives these back.

    Args:
        types: of the two tensors and of the result.
        on_gpu: whether to do so where there is a GPU, too.
    """

    def decorate(function):
        @functools.wraps(function)
        def wrapped(left, right, *settings):
            dtype = left.dtype
            if dtype not in types or (has_gpu() and not on_gpu):
                return function(left, right, *settings)
            left, right = tf.cast(left, tf.float32), tf.cast(right, tf.float32)
            return tf.cast(function(left, right, *settings), dtype)

        return wrapped

    return decorate
