"""Float32 where TensorFlow's kernels would sum half precision in half precision."""

import functools

import tensorflow as tf

from keras_dlnotes.ops.backends.tensorflow.framework import FRAMEWORK


def in_float32(*types, on_gpu: bool = False):
    """Decorates a function of two tensors: some types are computed in float32 and cast back.

    Args:
        types: of the two tensors and of the result.
        on_gpu: whether to do so where there is a GPU, too.
    """

    def decorate(function):
        @functools.wraps(function)
        def wrapped(left, right, *settings):
            dtype = left.dtype
            if dtype not in types or (FRAMEWORK.has_gpu() and not on_gpu):
                return function(left, right, *settings)
            left, right = tf.cast(left, tf.float32), tf.cast(right, tf.float32)
            return tf.cast(function(left, right, *settings), dtype)

        return wrapped

    return decorate
