"""Drop-in twins of `keras.layers`, with explicit padding and hand-derived gradients.

A name that has no twin here yet is Keras's own: `from keras_dlnotes import layers` is enough.
"""

import keras

from keras_dlnotes.layers.conv import Conv1D, Conv2D, Conv3D
from keras_dlnotes.layers.norm import BatchNormalization
from keras_dlnotes.layers.pool import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]

# the second names that Keras gives them
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D


def __getattr__(name: str):
    """Whatever has no twin here is Keras's own layer."""
    return getattr(keras.layers, name)


def __dir__():
    return sorted({*globals(), *dir(keras.layers)})
