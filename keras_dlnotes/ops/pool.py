"""Pooling: the maximum or the mean of a sliding window, with the gradients of the notes.

`pool_passes` has their forward and backward passes.
"""

from typing import Any

import keras
from keras import ops

from keras_dlnotes.common.checks import argument_error, flag, integers
from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.dtypes import float_type, real, summable, wide
from keras_dlnotes.ops.exporting import is_exporting, is_leaving_tensorflow, refuse_onnx_on_jax
from keras_dlnotes.ops.padding import pad, pad_with_edge
from keras_dlnotes.ops.pool_passes import (
    average_pool_backward,
    average_pool_forward,
    max_pool_backward,
    max_pool_forward,
    max_pool_indices_backward,
    max_pool_indices_forward,
    window_counts,
)
from keras_dlnotes.ops.vjp import Op
from keras_dlnotes.ops.window_checks import ensure_fits
from keras_dlnotes.ops.window_padding import standardize_padding
from keras_dlnotes.ops.window_sums import LARGEST_JOINT_WINDOW
from keras_dlnotes.ops.windows import Window


def max_pool(
    inputs,
    pool_size,
    strides=None,
    padding="valid",
    data_format=None,
    return_indices=False,
    training=True,
    *,
    ceil_mode=False,
):
    """Returns the maximum of each window.

    y(i) = max_u x(i·s + u − p),  0 ≤ u < k;  ∂E/∂x goes to the maximum, on ties to the first in
    row-major order; overlapping windows add up. Padding is −∞ and never wins; NaN gives NaN.

    Args:
        inputs: tensor (batch, lengths…, channels) of 1 to 3 spatial axes, or channels first.
        pool_size: int k ≥ 1, or one for each axis.
        strides: int s ≥ 1, or one for each axis; None takes `pool_size`.
        padding: "valid", "same", int p ≥ 0, (p, …) or ((before, after), …); less than `pool_size`.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        return_indices: whether to return the position of each maximum, too.
        training: whether a gradient will be asked for; False saves recording each maximum.
        ceil_mode: whether the number of windows is rounded up, not down, by a last window that
            reaches past the padded end; it must start in the image or before it. What it sees
            there never wins. As in PyTorch.

    Returns:
        Tensor of the inputs' layout and type, ⌊(m + 2p − k)/s⌋ + 1 long along each axis. With
        `return_indices`, a tuple of it and an int32 tensor of the same shape for `max_unpool`: the
        position of each maximum in its channel, counted along the rows (row·width + column), as in
        PyTorch.

    Raises:
        ValueError: for an argument out of range or a window longer than the padded input; in a
            TensorFlow graph that leaves the length open, its InvalidArgumentError.

    Reference:
        Lecture notes, "Pooling" and "Backpropagation through Max Pooling".

    Example:

    >>> import numpy as np
    >>> x = np.array([[12., 37, 11, 72], [9, 83, 92, 11], [5, 17, 11, 13], [21, 16, 15, 4]])
    >>> y = max_pool(x.reshape(1, 4, 4, 1), 2, strides=1)
    >>> ops.convert_to_numpy(y)[0, :, :, 0].tolist()
    [[83.0, 92.0, 92.0], [83.0, 92.0, 92.0], [21.0, 17.0, 15.0]]
    """
    return_indices = flag("return_indices", return_indices)
    training = flag("training", training)
    inputs = real("inputs", inputs)
    dtype = inputs.dtype
    inputs, slides = _slides(inputs, pool_size, strides, padding, data_format, ceil_mode)
    if keras.backend.standardize_dtype(dtype) == "bool":  # of which none is greater
        inputs = ops.cast(inputs, "uint8")
    outputs = inputs
    for window in slides:
        outputs = _max_pool(outputs, window=window, training=training)
    outputs = ops.cast(outputs, dtype)
    if not return_indices:
        return outputs
    return outputs, _max_pool_indices(ops.stop_gradient(inputs), slides=slides, training=False)


def average_pool(
    inputs,
    pool_size,
    strides=None,
    padding="valid",
    data_format=None,
    count_include_pad=False,
    training=True,
    *,
    ceil_mode=False,
):
    """Returns the mean of each window.

    y(i) = (1/n) Σ_u x(i·s + u − p);  ∂E/∂x = Σ over the windows that contain x of D/n. Here n
    counts the positions that are no padding or, with `count_include_pad`, all k of them.

    Args:
        inputs: tensor (batch, lengths…, channels) of 1 to 3 spatial axes, or channels first.
        pool_size: int k ≥ 1, or one for each axis.
        strides: int s ≥ 1, or one for each axis; None takes `pool_size`.
        padding: "valid", "same", int p ≥ 0, (p, …) or ((before, after), …); less than `pool_size`.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        count_include_pad: whether the padding's zeros count; PyTorch's default is True.
        training: whether a gradient will be asked for.
        ceil_mode: whether the number of windows is rounded up, not down, by a last window that
            reaches past the padded end; it must start in the image or before it. What it sees
            there is never counted. As in PyTorch.

    Returns:
        Tensor of the inputs' layout and type, ⌊(m + 2p − k)/s⌋ + 1 long along each axis. Sums are
        taken in float32 for half precision; integers come out in Keras's `floatx`.

    Raises:
        ValueError: for an argument out of range or a window longer than the padded input; in a
            TensorFlow graph that leaves the length open, its InvalidArgumentError.

    Reference:
        Lecture notes, "Pooling".

    Example:

    >>> import numpy as np
    >>> y = average_pool(np.array([[[1.], [3.], [5.], [9.]]]), 2)
    >>> ops.convert_to_numpy(y)[0, :, 0].tolist()
    [2.0, 7.0]
    """
    count_include_pad = flag("count_include_pad", count_include_pad)
    training = flag("training", training)
    inputs = real("inputs", inputs)
    dtype = float_type(inputs.dtype)
    geometry = pool_size, strides, padding, data_format, ceil_mode
    inputs, slides = _slides(summable("inputs", inputs), *geometry)
    for window in slides:  # between one axis and the next, nothing is rounded to half precision
        settings = {
            "window": window,
            "count_include_pad": count_include_pad,
            "dtype": dtype if window is slides[-1] else wide(dtype),
        }
        outputs = NotImplemented
        if current.framework().averages_natively and not is_exporting():
            outputs = current.module("pool").average_pool(inputs, **settings)
        if outputs is NotImplemented:
            outputs = _average_pool(inputs, training=training, **settings)
        inputs = outputs
    return inputs


def pool_window(pool_size, strides, padding, data_format, rank: int, ceil_mode=False) -> Window:
    """Returns the window of a pooling layer, its arguments checked."""
    size = integers("pool_size", pool_size, rank, minimum=1)
    steps = size if strides is None else integers("strides", strides, rank, minimum=1)
    pads = standardize_padding(padding, rank)
    if not isinstance(pads, str) and any(
        max(pair) >= k for pair, k in zip(pads, size, strict=True)
    ):
        raise argument_error(
            "padding", f"less than pool_size={size}, or a window would see only padding", padding
        )
    axes = windows.spatial_axes(rank, data_format)
    return Window(size, steps, pads, (1,) * rank, axes, flag("ceil_mode", ceil_mode))


def _slides(
    inputs, pool_size, strides, padding, data_format, ceil_mode
) -> tuple[Any, tuple[Window, ...]]:
    """The inputs, and the windows to slide over them in turn.

    The last axis comes first, which keeps the order of ties.
    """
    rank = len(inputs.shape) - 2
    if not 1 <= rank <= 3:
        raise argument_error("inputs", "of rank 3, 4 or 5", tuple(inputs.shape))
    window = pool_window(pool_size, strides, padding, data_format, rank, ceil_mode)
    inputs = ensure_fits(inputs, window, "pool_size")
    if window.volume <= LARGEST_JOINT_WINDOW:
        return inputs, (window,)
    return inputs, tuple(windows.one_axis_each(window)[::-1])


def max_pool_exported(inputs, *, window: Window):
    """y by the runtime's own kernel, which may ignore NaN.

    A window that sees padding also sees the edge, whose value can therefore replace −∞, which would
    spoil the range of a quantized model.
    """
    refuse_onnx_on_jax("max pooling")
    window = _rounded_up(inputs, window)
    of_volumes = len(inputs.shape) == 5  # LiteRT has no kernel for them
    if of_volumes:
        resolved = window.resolved(ops.shape(inputs))
        window = resolved if windows.is_static(resolved) else window
        if is_leaving_tensorflow():
            inputs, window = current.module("exported").padded(inputs, window, add=pad_with_edge)
    if isinstance(window.padding, str):
        return _pool(ops.max_pool, inputs, window)
    inputs = pad_with_edge(inputs, window.padding, window.axes)
    window = window._replace(padding="valid")
    if of_volumes:
        return max_pool_forward(inputs, window=window)[0]
    return _pool(ops.max_pool, inputs, window)


def average_pool_exported(inputs, *, window: Window, count_include_pad: bool, dtype: str):
    """y by the runtime's own kernel: the mean over k positions of padded inputs, times k/n."""
    if len(inputs.shape) == 5:
        return average_pool_forward(
            inputs, window=window, count_include_pad=count_include_pad, dtype=dtype
        )[0]
    inputs = ops.cast(inputs, wide(dtype))
    is_torch = keras.backend.backend() == "torch"  # where Keras averages a repeated edge
    by_word = isinstance(window.padding, str) and not (count_include_pad or window.ceil)
    if by_word and not is_torch:
        return ops.cast(_pool(ops.average_pool, inputs, window), dtype)
    resolved = window.resolved(ops.shape(inputs))
    if is_torch and not windows.is_static(resolved):  # its exporter cannot compute the padding
        expected = "numbers where PyTorch writes the file"
        hint = "Or load the model on the TensorFlow backend and export it there."
        raise argument_error("padding", expected, window.padding, hint)
    padded = pad(inputs, resolved.pads, resolved.axes)
    means = _pool(ops.average_pool, padded, window._replace(padding="valid"))
    counts = window_counts(inputs, window, count_include_pad, means.dtype)
    if not isinstance(counts, int):
        means = means * (window.volume / counts)
    return ops.cast(means, dtype)


def _rounded_up(inputs, window: Window) -> Window:
    """The window without `ceil`, its padding longer instead: by a number, which a file can hold."""
    resolved = window.resolved(ops.shape(inputs)) if window.ceil else window
    if window.ceil and not windows.is_static(resolved):
        expected = "False for an exported model of any size with windows that far apart"
        raise argument_error("ceil_mode", expected, True, "Export it with a fixed size.")
    return resolved


_max_pool = Op(
    max_pool_forward,
    max_pool_backward,
    exported=max_pool_exported,
    own_kernel=current.function("pool", "max_pool"),
    shared_inputs=0,
)
_max_pool_indices = Op(max_pool_indices_forward, max_pool_indices_backward, shared_inputs=0)
_average_pool = Op(
    average_pool_forward,
    average_pool_backward,
    exported=average_pool_exported,
    own_kernel=current.function("pool", "average_pool"),
    shared_inputs=0,
)


def _pool(pool, inputs, window: Window):
    """A pooling function of Keras, applied along the window's axes; the padding is a word."""
    data_format, (size, strides) = windows.along_all_axes(
        len(inputs.shape) - 2, window.axes, (window.size, 1), (window.strides, 1)
    )
    return pool(inputs, size, strides, window.padding, data_format)
