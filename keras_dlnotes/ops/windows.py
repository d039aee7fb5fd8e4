"""Window arithmetic: padding and output lengths of a sliding window.

A window of kernel length k, stride s and dilation d slides over an axis of length m, padded by
(before, after):

    output i, offset u  ↔  input position i·s + u·d − before
    number of outputs  m_f = ⌊(m + before + after − (d(k−1)+1)) / s⌋ + 1

Lengths may be unknown until the call; then they are tensors.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from keras_dlnotes.common.checks import argument_error, choice, integer, integers
from keras_dlnotes.ops.window_padding import (
    Pads,
    is_pair,
    resolve_padding,
    round_up,
    standardize_padding,
)


class Window(NamedTuple):
    """The geometry of a sliding window, one entry per axis; hashable, so that it can be a setting.

    Args:
        size: kernel or pool lengths k.
        strides: steps s.
        padding: (before, after) pairs, or one of the words "valid", "same", "causal".
        dilation: spacings d of the window's elements.
        axes: the axes of the tensor that the window slides along.
        ceil: whether a last window may reach past the padded end, so that m_f is rounded up.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Pads | str
    dilation: tuple[int, ...]
    axes: tuple[int, ...]
    ceil: bool = False

    @property
    def volume(self) -> int:
        """Πk, the number of elements."""
        return math.prod(self.size)

    @property
    def pads(self) -> Pads:
        """The padding of a resolved window."""
        assert not isinstance(self.padding, str)
        return self.padding

    def resolved(self, shape: Sequence[Any]) -> "Window":
        """The same window with (before, after) pairs in place of a word, for this input shape."""
        lengths = [shape[axis] for axis in self.axes]
        pads = resolve_padding(self.padding, lengths, self.size, self.strides, self.dilation)
        if self.ceil:
            pads = round_up(pads, lengths, self.size, self.strides)
        return self._replace(padding=pads, ceil=False)


def standardize_data_format(data_format: Any) -> str:
    """Returns the layout, Keras's default one for None."""
    if data_format is None:
        return keras.config.image_data_format()
    word = data_format.lower() if isinstance(data_format, str) else data_format
    return choice("data_format", word, ("channels_last", "channels_first"))


def spatial_axes(rank: int, data_format: str | None) -> tuple[int, ...]:
    """Returns the axes between batch and channels, or after both for "channels_first"."""
    first = 1 if standardize_data_format(data_format) == "channels_last" else 2
    return tuple(range(first, first + rank))


def along_all_axes(
    rank: int, axes: Sequence[int], *entries: tuple[Sequence[int], int]
) -> tuple[str, list[tuple[int, ...]]]:
    """Returns settings for every spatial axis of a tensor, from those along some of its axes.

    Args:
        rank: number of spatial axes.
        axes: those that a window slides along.
        entries: pairs (settings along these axes, the setting along the others).

    Returns:
        (data_format, settings): the tensor's layout as far as the axes reveal it, since the others
        behave alike; and for each entry one setting per axis.
    """
    data_format = "channels_first" if axes[-1] == rank + 1 else "channels_last"
    every = spatial_axes(rank, data_format)
    return data_format, [
        tuple(dict(zip(axes, values, strict=True)).get(axis, other) for axis in every)
        for values, other in entries
    ]


def one_axis_each(window: Window) -> list[Window]:
    """Returns windows of one axis each that, applied in turn, see what this window sees."""
    size, strides, padding, dilation, axes, ceil = window
    sides: list = [padding] * len(size) if isinstance(padding, str) else [(p,) for p in padding]
    return [
        Window((k,), (s,), side, (d,), (axis,), ceil)
        for k, s, side, d, axis in zip(size, strides, sides, dilation, axes, strict=True)
    ]


def output_length(length, kernel, padding=0, stride=1, dilation=1):
    """Returns the number of positions of a window along one axis: the length of the output.

    m_f = ⌊(m + 2p − k)/s⌋ + 1, where a dilated kernel counts as d(k−1)+1.

    Args:
        length: length m of the axis, ≥ 1; None (unknown) gives None.
        kernel: length k of the kernel, ≥ 1.
        padding: int p ≥ 0, a (before, after) pair, "valid" (0), "same" or "causal" (⌈m/s⌉ outputs).
        stride: step s ≥ 1.
        dilation: spacing d ≥ 1 of the kernel's elements.

    Returns:
        The int m_f.

    Raises:
        ValueError: for an argument out of range, or where the kernel is longer than the padded
            input.

    Reference:
        Lecture notes, "Dimension of the Output".

    Example:

    >>> output_length(224, 7, padding=3, stride=2)
    112
    """
    size, strides, spacings = (
        integers(name, value, 1, minimum=1)
        for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
    )
    if is_pair(padding):
        padding = (tuple(padding),)
    padding = standardize_padding(padding, rank=1, words=("valid", "same", "causal"))
    if length is not None:
        length = integer("length", length, minimum=1)
    return output_shape((length,), Window(size, strides, padding, spacings, (0,)), "kernel")[0]


def output_shape(
    shape: Sequence[int | None], window: Window, name: str = "kernel_size"
) -> tuple[int | None, ...]:
    """Returns the shape of what a sliding window makes of a tensor; the channels stay.

    Args:
        shape: the input's shape; None for an unknown length, which stays None.
        window: the geometry.
        name: what the caller calls the window's size, for the error.

    Raises:
        ValueError: for a window longer than the padded input along some axis.
    """
    result: list[Any] = list(shape)
    for along in one_axis_each(window):
        (axis,), (k,), (d,) = along.axes, along.size, along.dilation
        if shape[axis] is None:
            continue
        (result[axis],) = num_windows(shape, along)
        if isinstance(result[axis], int) and result[axis] < 1:
            ((before, after),) = along.resolved(shape).pads
            raise argument_error(
                name,
                f"no longer than the padded input, {before} + {shape[axis]} + {after} along "
                f"axis {axis}",
                window.size if len(window.size) > 1 else k,
                f"Dilated by {d}, it spans {d * (k - 1) + 1}." if d > 1 else "",
            )
    return tuple(result)


def num_windows(shape: Sequence[Any], window: Window) -> tuple[Any, ...]:
    """Returns the number of windows along each axis, for lengths that may be tensors."""
    padded = padded_shape(shape, window.resolved(shape))
    return tuple(
        (padded[axis] - (d * (k - 1) + 1)) // s + 1
        for axis, k, s, d in zip(
            window.axes, window.size, window.strides, window.dilation, strict=True
        )
    )


def padded_shape(shape: Sequence[Any], window: Window) -> tuple[Any, ...]:
    """Returns the shape with the window's resolved padding added."""
    result = list(shape)
    for axis, (before, after) in zip(window.axes, window.pads, strict=True):
        result[axis] = result[axis] + before + after
    return tuple(result)


def is_static(window: Window) -> bool:
    """Tells whether all sides of the padding are known numbers."""
    return all(isinstance(side, int) for pair in window.pads for side in pair)


def as_image_window(window: Window) -> Window:
    """Returns a 1-D window as one on an image of height 1, where any vertical stride comes to 1."""
    sides = ((0, 0), *window.pads)
    return Window((1, *window.size), window.strides * 2, sides, (1, *window.dilation), (1, 2))


def is_same(window: Window, shape: Sequence[Any]) -> bool:
    """Tells whether the resolved padding equals "same" for inputs of this shape."""
    lengths = [shape[axis] for axis in window.axes]
    if not is_static(window) or not all(isinstance(length, int) for length in lengths):
        return False
    same = resolve_padding("same", lengths, window.size, window.strides, window.dilation)
    return window.padding == same


def explicit_padding(window: Window) -> list[list[int]]:
    """Returns the pairs for every axis of a channels-last tensor, batch and channels included."""
    return [[0, 0], *map(list, window.pads), [0, 0]]
