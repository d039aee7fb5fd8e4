"""Drop-in twins of `keras.layers`, with explicit padding and hand-derived gradients.

Any other name is Keras's own layer: `from keras_dlnotes import layers` is enough.
"""

import keras

from keras_dlnotes.layers.blocks import DenseBlock, Residual
from keras_dlnotes.layers.conv import Conv1D, Conv2D, Conv3D
from keras_dlnotes.layers.conv_depthwise import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from keras_dlnotes.layers.conv_spatial import SpatiallySeparableConv2D
from keras_dlnotes.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from keras_dlnotes.layers.norm import BatchNormalization
from keras_dlnotes.layers.pool import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from keras_dlnotes.layers.recurrent import (
    GRU,
    LSTM,
    Bidirectional,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
)
from keras_dlnotes.layers.unpool import MaxUnpooling2D

__all__ = [
    "GRU",
    "LSTM",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Bidirectional",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "DenseBlock",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "GRUCell",
    "LSTMCell",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "MaxUnpooling2D",
    "Residual",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "SpatiallySeparableConv2D",
]

# the aliases that Keras has
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D


def __getattr__(name: str):
    """Any other name is Keras's own layer."""
    return getattr(keras.layers, name)


def __dir__():
    return sorted({*globals(), *dir(keras.layers)})
