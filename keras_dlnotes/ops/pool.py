"""Pooling: the maximum or the mean of a sliding window, with the gradients of the notes.

Max pooling hands the upstream gradient D of each window to the one position that held its maximum,

    ∂E/∂x_i = Σ over the windows w that contain i of  D_w · [x_i won w],

and average pooling hands an equal share of it to every position of the window.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_dlnotes.checks import argument_error, integers
from keras_dlnotes.ops import windows
from keras_dlnotes.ops.exporting import refuse_onnx_on_jax
from keras_dlnotes.ops.taps import spread, tap_count, tap_dtype, taps
from keras_dlnotes.ops.vjp import imported_late, with_vjp
from keras_dlnotes.ops.windows import Window

# A window of more taps than this slides along one axis after the other: Σk slices, not Πk.
_MOST_TAPS_AT_ONCE = 25


def max_pool(
    inputs,
    pool_size,
    strides=None,
    padding="valid",
    data_format=None,
    return_indices=False,
    training=True,
):
    """Returns the maximum of each window.

    y(i) = max_u x(i·s + u − p),  0 ≤ u < k;  ∂E/∂x goes to the maximum, on ties to the first in
    row-major order; windows that overlap add up. Padding is −∞ and never wins; NaN gives NaN.

    Args:
        inputs: tensor (batch, lengths…, channels) of 1 to 3 spatial axes, or channels first.
        pool_size: int k ≥ 1, or one for each axis.
        strides: int s ≥ 1, or one for each axis; None takes `pool_size`.
        padding: "valid", "same", int p ≥ 0, (p, …) or ((before, after), …); less than `pool_size`.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        return_indices: whether to return, too, where each maximum stood.
        training: whether a gradient will be asked for; False saves the forward pass that note.

    Returns:
        Tensor of the inputs' layout and type, ⌊(m + 2p − k)/s⌋ + 1 long along each axis. With
        `return_indices`, a tuple of it and an int32 tensor of the same shape: the position of each
        maximum in its channel, counted along the rows (row·width + column), as in PyTorch; it is
        what `max_unpool` takes.

    Raises:
        ValueError: for an argument out of range or a window longer than the padded input.

    Reference:
        Lecture notes, "Pooling" and "Backpropagation through Max Pooling".

    Example:

    >>> import numpy as np
    >>> x = np.array([[12., 37, 11, 72], [9, 83, 92, 11], [5, 17, 11, 13], [21, 16, 15, 4]])
    >>> y = max_pool(x.reshape(1, 4, 4, 1), 2, strides=1)
    >>> ops.convert_to_numpy(y)[0, :, :, 0].tolist()
    [[83.0, 92.0, 92.0], [83.0, 92.0, 92.0], [21.0, 17.0, 15.0]]
    """
    inputs = ops.convert_to_tensor(inputs)
    passes = tuple(_passes(inputs, pool_size, strides, padding, data_format))
    outputs = inputs
    for window in passes:
        outputs = _max_pool(outputs, window=window, training=training)
    if not return_indices:
        return outputs
    return outputs, _max_pool_indices(ops.stop_gradient(inputs), passes=passes, training=False)


def average_pool(
    inputs,
    pool_size,
    strides=None,
    padding="valid",
    data_format=None,
    count_include_pad=False,
    training=True,
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

    Returns:
        Tensor of the inputs' layout and type, ⌊(m + 2p − k)/s⌋ + 1 long along each axis.

    Raises:
        ValueError: for an argument out of range or a window longer than the padded input.

    Reference:
        Lecture notes, "Pooling".

    Example:

    >>> import numpy as np
    >>> y = average_pool(np.array([[[1.], [3.], [5.], [9.]]]), 2)
    >>> ops.convert_to_numpy(y)[0, :, 0].tolist()
    [2.0, 7.0]
    """
    inputs = ops.convert_to_tensor(inputs)
    for window in _passes(inputs, pool_size, strides, padding, data_format):
        inputs = _average_pool(
            inputs, window=window, count_include_pad=bool(count_include_pad), training=training
        )
    return inputs


def pool_window(pool_size, strides, padding, data_format, rank: int) -> Window:
    """Returns the window of a pooling layer, its arguments checked."""
    size = integers("pool_size", pool_size, rank, minimum=1)
    steps = size if strides is None else integers("strides", strides, rank, minimum=1)
    pads = windows.standardize_padding(padding, rank)
    if not isinstance(pads, str) and any(
        max(pair) >= k for pair, k in zip(pads, size, strict=True)
    ):
        raise argument_error(
            "padding", f"less than pool_size={size}, or a window would see padding alone", padding
        )
    return Window(size, steps, pads, (1,) * rank, windows.spatial_axes(rank, data_format))


def _passes(inputs, pool_size, strides, padding, data_format) -> list[Window]:
    """The windows to slide one after the other; the last axis first keeps the order of ties."""
    window = pool_window(pool_size, strides, padding, data_format, len(inputs.shape) - 2)
    windows.output_shape(inputs.shape, window, "pool_size")  # raises where it does not fit
    if tap_count(window) <= _MOST_TAPS_AT_ONCE:
        return [window]
    return windows.one_axis_each(window)[::-1]


def max_pool_forward(inputs, *, window: Window):
    """y = the window's maximum; the winner's tap number is all that the backward pass needs."""
    first, *others = taps(inputs, window, fill=_lowest(inputs.dtype))
    maximum = first
    winner = ops.zeros_like(first, dtype=tap_dtype(window))
    for number, tap in enumerate(others, start=1):
        wins = ops.logical_or(tap > maximum, tap != tap)  # the first of equals stays; NaN wins
        maximum = ops.where(wins, tap, maximum)
        winner = ops.where(wins, ops.cast(number, winner.dtype), winner)
    return maximum, (winner,)


def max_pool_backward(upstream, inputs, residuals, *, window: Window):
    """∂E/∂x = D where x won, 0 elsewhere, summed over the windows that overlap."""

    def share(tap, winner, upstream):
        return ops.where(winner == tap, upstream, ops.zeros_like(upstream))

    (winner,) = residuals
    return (spread(share, (winner, upstream), window, ops.shape(inputs[0])),)


def max_pool_indices_forward(inputs, *, passes: tuple[Window, ...]):
    """The flat position of each window's maximum; a position in the padding, −1, never wins."""
    values, positions = inputs, _flat_positions(inputs, passes)
    for window in passes:
        pairs = zip(
            taps(values, window, fill=_lowest(inputs.dtype)),
            taps(positions, window, fill=-1),
            strict=True,
        )
        values, positions = next(pairs)
        positions = ops.broadcast_to(positions, ops.shape(values))
        for value, position in pairs:
            wins = (value > values) | (value != value) | (positions < 0)
            wins = wins & (position >= 0)
            values = ops.where(wins, value, values)
            positions = ops.where(wins, position, positions)
    return positions, ()


def max_pool_indices_backward(upstream, inputs, residuals, *, passes):
    """Positions are whole numbers: nothing comes back through them."""
    return (None,)


def average_pool_forward(inputs, *, window: Window, count_include_pad: bool):
    """y = (the sum over the window) / n."""
    return sum(taps(inputs, window)) / _counts(inputs, window, count_include_pad), ()


def average_pool_backward(upstream, inputs, residuals, *, window: Window, count_include_pad: bool):
    """∂E/∂x = Σ over the windows that contain x of D/n."""

    def share(tap, part):
        return ops.where(tap < tap_count(window), part, ops.zeros_like(part))

    part = upstream / _counts(inputs[0], window, count_include_pad)
    return (spread(share, (part,), window, ops.shape(inputs[0])),)


def max_pool_exported(inputs, *, window: Window):
    """y by the runtime's own kernel, which may take no account of NaN.

    A window that sees padding sees the border, too: its value may stand there for −∞, which would
    spoil the range of a quantized model.
    """
    refuse_onnx_on_jax("max pooling")
    of_volumes = len(inputs.shape) == 5  # LiteRT has no kernel for them
    if of_volumes:
        resolved = window.resolved(ops.shape(inputs))
        window = resolved if windows.is_static(resolved) else window
    if isinstance(window.padding, str):
        return _pool(ops.max_pool, inputs, window)
    for axis, (before, after) in zip(window.axes, window.padding, strict=True):
        earlier_axes = (slice(None),) * axis
        first, last = inputs[(*earlier_axes, slice(0, 1))], inputs[(*earlier_axes, slice(-1, None))]
        inputs = ops.concatenate([first] * before + [inputs] + [last] * after, axis=axis)
    window = window._replace(padding="valid")
    if of_volumes:
        return max_pool_forward(inputs, window=window)[0]
    return _pool(ops.max_pool, inputs, window)


def average_pool_exported(inputs, *, window: Window, count_include_pad: bool):
    """y by the runtime's own kernel: the mean over k positions of padded inputs, times k/n."""
    if len(inputs.shape) == 5:
        settings = {"window": window, "count_include_pad": count_include_pad}
        return average_pool_forward(inputs, **settings)[0]
    is_torch = keras.backend.backend() == "torch"  # Keras averages repeated borders there
    if isinstance(window.padding, str) and not count_include_pad and not is_torch:
        return _pool(ops.average_pool, inputs, window)
    resolved = window.resolved(ops.shape(inputs))
    if is_torch and not windows.is_static(resolved):  # its exporter cannot compute the padding
        expected = "numbers where PyTorch writes the file"
        hint = "Or load the model on the TensorFlow backend and export it there."
        raise argument_error("padding", expected, window.padding, hint)
    padded = windows.pad(inputs, resolved.padding, resolved.axes)
    means = _pool(ops.average_pool, padded, window._replace(padding="valid"))
    if count_include_pad or windows.is_zero(resolved.padding):
        return means
    share = tap_count(window) / ops.cast(_counts(inputs, window, count_include_pad), means.dtype)
    return means * share


_max_pool = with_vjp(
    max_pool_forward,
    max_pool_backward,
    exported=max_pool_exported,
    on_torch=imported_late("keras_dlnotes.ops.pool_torch:max_pool"),
)
_max_pool_indices = with_vjp(max_pool_indices_forward, max_pool_indices_backward)
_average_pool = with_vjp(
    average_pool_forward,
    average_pool_backward,
    exported=average_pool_exported,
    on_torch=imported_late("keras_dlnotes.ops.pool_torch:average_pool"),
)


def _pool(pool, inputs, window: Window):
    """`pool`, one of Keras's, along the window's axes; its padding is a word."""
    data_format, (size, strides) = windows.along_all_axes(
        len(inputs.shape) - 2, window.axes, (window.size, 1), (window.strides, 1)
    )
    return pool(inputs, size, strides, window.padding, data_format)


def _lowest(dtype):
    """What padding holds so that it never wins: −∞, or the least integer."""
    dtype = keras.backend.standardize_dtype(dtype)
    return np.iinfo(dtype).min if "int" in dtype else -math.inf


def _flat_positions(inputs, passes: tuple[Window, ...]):
    """(1, height, width, 1), or channels first: row·width + column, in int32."""
    shape = ops.shape(inputs)
    positions = ops.zeros((1,) * len(shape), "int32")
    for axis in sorted(axis for window in passes for axis in window.axes):
        along = [-1 if a == axis else 1 for a in range(len(shape))]
        count = ops.reshape(ops.arange(shape[axis], dtype="int32"), along)
        positions = positions * shape[axis] + count
    return positions


def _counts(inputs, window: Window, count_include_pad: bool):
    """The n that each window divides by: Πk, or the positions of it that are no padding."""
    shape = ops.shape(inputs)
    window = window.resolved(shape)
    if count_include_pad or windows.is_zero(window.padding):
        return tap_count(window)
    total = 1
    for axis, n, (before, _), k, s in zip(
        window.axes,
        windows.places(shape, window),
        window.padding,
        window.size,
        window.strides,
        strict=True,
    ):
        start = ops.arange(n) * s - before
        inside = ops.minimum(start + k, shape[axis]) - ops.maximum(start, 0)
        total = total * ops.reshape(inside, [-1 if a == axis else 1 for a in range(len(shape))])
    return ops.cast(total, inputs.dtype)
