"""Checks that a window fits into the padded input, even where a graph leaves the length open.

JAX and PyTorch know every length when they compute. A TensorFlow graph may leave lengths open, and
the number of windows, ⌊(m + before + after − span)/s⌋ + 1, could then silently become 0: an empty
tensor, whose mean is NaN.
"""

from collections.abc import Iterator

from keras import ops

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.exporting import is_exporting
from keras_dlnotes.ops.windows import Window


def ensure_fits(inputs, window: Window, name: str = "kernel_size"):
    """Returns the inputs, or raises where the window is longer than they are with their padding.

    Args:
        inputs: tensor, whose lengths may be open.
        window: the geometry.
        name: what the caller calls the window's size, for the error.

    Returns:
        The inputs. In a TensorFlow graph that leaves a length open they carry the check, which
        raises TensorFlow's InvalidArgumentError when the graph runs. Exported graphs carry none.

    Raises:
        ValueError: where a known length is too short.
    """
    windows.output_shape(tuple(inputs.shape), window, name)
    for _, along in open_axes(inputs, window):
        (axis,), (k,), (d,) = along.axes, along.size, along.dilation
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


def open_axes(inputs, window: Window) -> Iterator[tuple[int, Window]]:
    """Yields the number and the one-axis window of each axis whose length only the run will show.

    An exported graph, whose runtime knows no checks, has none.
    """
    if not current.framework().asserts_in_graphs or is_exporting():
        return
    for number, along in enumerate(windows.one_axis_each(window)):
        if inputs.shape[along.axes[0]] is None:
            yield number, along
