"""Drop-in twins of `keras.layers`."""

from keras.layers import (
    AveragePooling2D,
    Conv2D,
    MaxPooling2D,
)
