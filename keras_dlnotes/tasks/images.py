"""Helpers for tasks on images."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_dlnotes import reports
from keras_dlnotes.runs.task import Arrays, Picture, Splits

# The layout of the data sets, independent of Keras's setting.
LAYOUT: dict[str, Any] = {"data_format": "channels_last"}


def standardization(images: np.ndarray) -> keras.layers.Normalization:
    """Returns the layer that standardizes these images by one mean and variance of all pixels.

    >>> layer = standardization(np.array([[1.0, 3.0]]))
    >>> keras.ops.convert_to_numpy(layer(np.array([[1.0, 3.0]]))).tolist()
    [[-1.0, 1.0]]
    """
    mean, variance = (float(value(images, dtype="float64")) for value in (np.mean, np.var))
    return keras.layers.Normalization(axis=None, mean=mean, variance=variance)


def augmentation(shift: float = 0.0, rotation: float = 0.0) -> list[keras.layers.Layer]:
    """Returns layers that augment training images by translation and rotation.

    Shifts are up to `shift` of the size, rotations up to `rotation` of a full turn; 0 leaves out
    the layer.
    """
    layers: list[keras.layers.Layer] = []
    if shift:
        layers.append(keras.layers.RandomTranslation(shift, shift, fill_mode="constant", **LAYOUT))
    if rotation:
        layers.append(keras.layers.RandomRotation(rotation, fill_mode="constant", **LAYOUT))
    return layers


def first_kernels(model: keras.Model) -> Picture:
    """Draws the kernels of the first convolution of a model that has one."""
    kernel: Any = reports.first_kernel(model)
    return Picture(
        "First-layer kernels",
        reports.plot_kernels(kernel),
        "The kernels of the first convolution.",
        "Small pictures of the weights of each kernel.",
        "Weights that differ from one side to the other: such a kernel answers to an edge, as "
        "Sobel's does. Nearly equal weights blur instead.",
        "derivations/conv.md#the-formula",
    )


def scaled(splits: Splits) -> Splits:
    """Divides the images of all splits by the maximum of the training images."""
    largest = splits.training[0].max()

    def divided(arrays: Arrays) -> tuple[Any, ...]:
        images, *targets = arrays
        return images / largest, *targets

    return replace(
        splits,
        training=divided(splits.training),
        validation=divided(splits.validation),
        test=divided(splits.test),
    )
