"""TensorFlow's kernels for `pool`, which it differentiates by itself."""

import tensorflow as tf

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.dtypes import wide
from keras_dlnotes.ops.window_sums import is_long
from keras_dlnotes.ops.windows import Window

_LAYOUTS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def average_pool(inputs, *, window: Window, count_include_pad: bool, dtype: str):
    """The mean, where the kernels count the same positions and need no padded copy."""
    rank = len(inputs.shape) - 2
    data_format, (size, strides) = windows.along_all_axes(
        rank, window.axes, (window.size, 1), (window.strides, 1)
    )
    word = _word(inputs, window)
    if (
        word is None
        or (count_include_pad and word == "SAME")
        or data_format == "channels_first"  # which they know on a GPU alone
        or is_long(window)
        or 0 in inputs.shape
        or (rank == 3 and wide(dtype) == "float64")  # of volumes they know float32 alone
    ):
        return NotImplemented
    # they would sum half precision as it is; the gradient of volumes needs the layout by name
    inputs = tf.cast(inputs, wide(dtype))
    means = tf.nn.avg_pool(inputs, size, strides, word, data_format=_LAYOUTS[rank])
    return tf.cast(means, dtype)


def _word(inputs, window: Window) -> str | None:
    """The kernels' word for a padding, or None where they have none."""
    if window.ceil:
        lengths = [inputs.shape[axis] for axis in window.axes]
        if None in lengths:
            return None
        window = window.resolved(tuple(inputs.shape))
    if isinstance(window.padding, str):
        return window.padding.upper()
    if not any(map(any, window.padding)):
        return "VALID"
    return "SAME" if windows.is_same(window, tuple(inputs.shape)) else None
