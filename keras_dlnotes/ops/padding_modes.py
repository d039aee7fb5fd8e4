"""Padding of a convolution with pixels of the image in place of zeros, as in PyTorch.

Of a row abcd, padded by 2 on both sides:

    reflect     cb|abcd|cb    mirrored at the pixels of the edge
    replicate   aa|abcd|dd    the pixels of the edge, repeated
    circular    cd|abcd|ab    the pixels of the other end
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_dlnotes.common.checks import argument_error, choice
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.padding import is_zero, pad_with_edge
from keras_dlnotes.ops.shapes import part_along
from keras_dlnotes.ops.window_checks import open_axes
from keras_dlnotes.ops.window_padding import Pads
from keras_dlnotes.ops.windows import Window

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def check_padding_mode(padding_mode: Any, window: Window) -> str:
    """Returns the mode, or raises where it is none, or where the padding depends on the length."""
    mode = choice("padding_mode", padding_mode, PADDING_MODES)
    if mode != "zeros" and window.padding == "same" and max(window.strides) > 1:
        expected = f"'zeros' with padding='same' and strides={window.strides}"
        raise argument_error("padding_mode", expected, mode, "Pass the padding in numbers.")
    return mode


def padded_by_mode(inputs, window: Window, mode: str) -> tuple[Any, Window]:
    """Returns the inputs padded by a mode other than "zeros", and the window without its padding.

    Raises:
        ValueError: for padding that needs more pixels than the image has; in a TensorFlow graph
            that leaves the length open, its InvalidArgumentError.
    """
    window = window.resolved(tuple(inputs.shape))  # numbers: see `check_padding_mode`
    if is_zero(window.pads):
        return inputs, window
    inputs = _ensure_enough(inputs, window, mode)
    padded = pad_by_mode(inputs, window.pads, window.axes, mode)
    return padded, window._replace(padding=((0, 0),) * len(window.axes))


def pad_by_mode(inputs, pads: Pads, axes: Sequence[int], mode: str):
    """Returns the tensor with (before, after) more pixels along the axes, by one of the modes."""
    pad = {"reflect": _reflect, "replicate": pad_with_edge, "circular": _circular}[mode]
    return pad(inputs, pads, axes)


def _reflect(inputs, pads: Pads, axes: Sequence[int]):
    for axis, (before, after) in zip(axes, pads, strict=True):
        first = [part_along(inputs, axis, slice(n, n + 1)) for n in range(before, 0, -1)]
        last = [part_along(inputs, axis, slice(-n - 1, -n)) for n in range(1, after + 1)]
        inputs = ops.concatenate([*first, inputs, *last], axis=axis)
    return inputs


def _circular(inputs, pads: Pads, axes: Sequence[int]):
    for axis, (before, after) in zip(axes, pads, strict=True):
        first = [part_along(inputs, axis, slice(-before, None))] if before else []
        last = [part_along(inputs, axis, slice(0, after))] if after else []
        inputs = ops.concatenate([*first, inputs, *last], axis=axis)
    return inputs


def _ensure_enough(inputs, window: Window, mode: str):
    """Returns the inputs, or raises where an axis has too few pixels: see `ensure_fits`."""
    beside = {"reflect": 1, "replicate": 0, "circular": 0}[mode]  # the edge is not mirrored
    for axis, pair in zip(window.axes, window.pads, strict=True):
        most = 1 if mode == "replicate" else max(pair)
        length = inputs.shape[axis]
        if isinstance(length, int) and length < most + beside and max(pair):
            expected = f"at most {max(length - beside, 0)} along axis {axis} for {mode!r}"
            raise argument_error("padding", expected, window.pads)
    for number, along in open_axes(inputs, window):
        (axis,), pair = along.axes, window.pads[number]
        most = 1 if mode == "replicate" else max(pair)
        length = ops.shape(inputs)[axis]
        sentence = (
            f"Argument `padding` must be at most the length along axis {axis}, less {beside}, for "
            f"padding_mode={mode!r}. Received: padding={window.pads} and a length of"
        )
        inputs = current.module("assertions").assert_shapes(
            inputs, length >= most + beside, sentence, length, "padding_needs_a_longer_input"
        )
    return inputs
