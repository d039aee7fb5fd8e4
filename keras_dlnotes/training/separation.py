"""Replaces trained convolutions by spatially separable ones."""

from typing import NamedTuple

import keras

from keras_dlnotes.common.checks import probability
from keras_dlnotes.layers import SpatiallySeparableConv2D
from keras_dlnotes.training.arguments import built_model


class Separation(NamedTuple):
    """A model with separable layers, and the error of each kernel.

    Args:
        model: the new model.
        residuals: name of each replaceable convolution → relative error of its kernel,
            ‖K − R·C‖ / ‖K‖, in [0, 1).
        replaced: the names of the convolutions that were replaced.
    """

    model: keras.Model
    residuals: dict[str, float]
    replaced: list[str]


def separate_convolutions(model: keras.Model, tolerance: float = 1.0) -> Separation:
    """Returns the model with its k×k convolutions replaced by the closest k×1 and 1×k pairs.

    The pair is that of `layers.SpatiallySeparableConv2D.from_convolution`: no other is closer to
    the kernel K. It takes k·M·N + k·N·N multiplications per output position instead of k²·M·N.
    Evaluate the model to see the loss of accuracy; a few epochs of training recover some of it.

    Args:
        model: a built functional or sequential model; it is not changed, and all other layers keep
            their weights in the copy.
        tolerance: the largest relative error of a kernel that is replaced, in [0, 1]; 1 replaces
            all. Groups and kernels of length 1 along an axis stay as they are.

    Returns:
        A `Separation`: the new model, uncompiled, the error for each kernel, and the names of the
        layers that were replaced.

    Raises:
        ValueError: for a tolerance out of range, or a model that Keras cannot clone.

    Reference:
        Lecture notes, "Spatial Separable Convolutions": "All kernels are not spatially separable".

    Example:

    >>> layer = keras.layers.Conv2D(8, 3, name="first")
    >>> model = keras.Sequential([keras.Input((8, 8, 1)), layer])
    >>> separation = separate_convolutions(model)
    >>> separation.replaced, separation.model.count_params()
    (['first'], 224)
    """
    built_model(model)
    tolerance = probability("tolerance", tolerance)
    residuals: dict[str, float] = {}
    replaced: list[str] = []
    copies: list[tuple[keras.Layer, keras.Layer]] = []

    def copy(layer: keras.Layer) -> keras.Layer:
        if _can_be_separated(layer):
            separable, residuals[layer.name] = SpatiallySeparableConv2D.from_convolution(layer)
            if residuals[layer.name] <= tolerance:
                replaced.append(layer.name)
                return separable
        copies.append((layer, type(layer).from_config(layer.get_config())))
        return copies[-1][1]

    clone = keras.models.clone_model(model, clone_function=copy, recursive=True)
    for original, duplicate in copies:
        duplicate.set_weights(original.get_weights())
    return Separation(clone, residuals, replaced)


def _can_be_separated(layer: keras.Layer) -> bool:
    return (
        isinstance(layer, keras.layers.Conv2D) and layer.groups == 1 and min(layer.kernel_size) > 1
    )
