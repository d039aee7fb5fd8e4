"""What tasks on images share."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_dlnotes.runs.task import Arrays, Splits

# That of the data sets, whatever Keras's setting is.
LAYOUT = {"data_format": "channels_last"}


def standardization(images: np.ndarray) -> keras.layers.Normalization:
    """Returns the layer that gives these images a mean of 0 and a variance of 1, all pixels alike.

    >>> layer = standardization(np.array([[1.0, 3.0]]))
    >>> keras.ops.convert_to_numpy(layer(np.array([[1.0, 3.0]]))).tolist()
    [[-1.0, 1.0]]
    """
    mean, variance = (float(value(images, dtype="float64")) for value in (np.mean, np.var))
    return keras.layers.Normalization(axis=None, mean=mean, variance=variance)


def augmentation(shift: float = 0.0, rotation: float = 0.0) -> list[keras.layers.Layer]:
    """Returns layers that in training move each image by up to `shift` of its size, and turn it.

    By up to `rotation` of a full turn; 0 leaves out the layer.
    """
    layers: list[keras.layers.Layer] = []
    if shift:
        layers.append(keras.layers.RandomTranslation(shift, shift, fill_mode="constant", **LAYOUT))
    if rotation:
        layers.append(keras.layers.RandomRotation(rotation, fill_mode="constant", **LAYOUT))
    return layers


def scaled(splits: Splits) -> Splits:
    """Divides the images of all splits by the training images' largest value."""
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
