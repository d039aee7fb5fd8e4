"""The maths: pure functions of tensors with the hand-derived gradients of the notes."""

from keras_dlnotes.ops.conv import conv
from keras_dlnotes.ops.conv_separable import depthwise_conv, separate_kernel
from keras_dlnotes.ops.conv_transpose import conv_transpose
from keras_dlnotes.ops.norm import batch_normalize
from keras_dlnotes.ops.pool import average_pool, max_pool
from keras_dlnotes.ops.recurrent import gradient_flow, gru, lstm, simple_rnn
from keras_dlnotes.ops.unpool import max_unpool
from keras_dlnotes.ops.windows import output_length

__all__ = [
    "average_pool",
    "batch_normalize",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "gradient_flow",
    "gru",
    "lstm",
    "max_pool",
    "max_unpool",
    "output_length",
    "separate_kernel",
    "simple_rnn",
]
