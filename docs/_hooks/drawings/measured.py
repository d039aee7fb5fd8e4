"""What the package's own functions say of small arrays, for the numbers in the drawings."""

import keras
import numpy as np

from keras_dlnotes import ops
from keras_dlnotes.reports.autodiff import gradients


def convolved(image, kernel, **options):
    """The feature map of an image of one channel."""
    return _plane(ops.conv(_image(image), _kernel(kernel), **options))


def transposed(image, kernel, **options):
    """What a transposed convolution makes of an image of one channel."""
    return _plane(ops.conv_transpose(_image(image), _kernel(kernel), **options))


def pooled(image, size, strides):
    """The maximum of each window."""
    return _plane(ops.max_pool(_image(image), size, strides=strides))


def pooled_gradient(image, upstream, size, strides):
    """∂E/∂x of max pooling, where D is the upstream gradient."""
    given = _image(upstream)

    def loss(tensors):
        found = ops.max_pool(tensors[0], size, strides=strides)
        return keras.ops.sum(keras.ops.multiply(found, given))

    return gradients(loss, [_image(image)])[0][0, :, :, 0]


def _image(values):
    return np.asarray(values, "float32")[None, :, :, None]


def _kernel(values):
    return np.asarray(values, "float32")[:, :, None, None]


def _plane(tensor):
    return keras.ops.convert_to_numpy(tensor)[0, :, :, 0]
