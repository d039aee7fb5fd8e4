"""Whether a window fits into the padded input, also where that is known when the graph runs alone.

JAX and PyTorch know every length when they compute. A graph of TensorFlow may leave lengths open,
and the number of windows, ⌊(m + before + after − span)/s⌋ + 1, would then be 0 without a word: an
empty tensor, whose mean is NaN.
"""

import keras
from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.exporting import is_exporting
from keras_dlnotes.ops.windows import Window


def fitting(inputs, window: Window, name: str = "kernel_size"):
    """Returns the inputs, or raises where the window is longer than they are with their padding.

    Args:
        inputs: tensor, whose lengths may be open.
        window: the geometry.
        name: what the caller calls the window's size, for the error.

    Returns:
        The inputs. In a graph of TensorFlow that leaves a length open they carry the check, which
        raises TensorFlow's InvalidArgumentError when the graph runs. Exported graphs carry none.

    Raises:
        ValueError: where a known length is too short.
    """
    windows.output_shape(inputs.shape, window, name)
    if keras.backend.backend() != "tensorflow" or is_exporting():
        return inputs
    for along in windows.one_axis_each(window):
        (axis,), (k,), (d,) = along.axes, along.size, along.dilation
        if inputs.shape[axis] is not None:
            continue
        shape = ops.shape(inputs)
        span = d * (k - 1) + 1
        padded = windows.padded_shape(shape, along.resolved(shape))[axis]
        sentence = (
            f"Argument `{name}` must be no longer than the padded input along axis {axis}. "
            f"Received: {name}={window.size if len(window.size) > 1 else k}"
            f"{f', dilated to {span},' if d > 1 else ''} and a padded input of length"
        )
        inputs = current.module("assertions").assert_shapes(
            inputs, padded >= span, sentence, padded, f"{name}_is_longer_than_the_padded_input"
        )
    return inputs
