"""The maths: pure functions of tensors with the hand-derived gradients of the notes."""

from keras_dlnotes.ops.conv import conv
from keras_dlnotes.ops.norm import batch_normalize
from keras_dlnotes.ops.pool import average_pool, max_pool
from keras_dlnotes.ops.windows import output_length

__all__ = ["average_pool", "batch_normalize", "conv", "max_pool", "output_length"]
