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

from keras_dlnotes.common.checks import (
    argument_error,
    choice,
    integer,
    integers,
    is_integer,
    is_sequence,
)
from keras_dlnotes.ops.shapes import maximum

Pads = tuple[tuple[Any, Any], ...]  # (before, after) an axis, in numbers or in tensors


class Window(NamedTuple):
    """The geometry of a sliding window, one entry per axis; hashable, so that it can be a setting.

    Args:
        size: kernel or pool lengths k.
        strides: steps s.
        padding: (before, after) pairs, or one of the words "valid", "same", "causal".
        dilation: spacings d of the window's elements.
        axes: the axes of the tensor that the window slides along.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Pads | str
    dilation: tuple[int, ...]
    axes: tuple[int, ...]

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
        return self._replace(padding=pads)


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
    size, strides, padding, dilation, axes = window
    sides: list = [padding] * len(size) if isinstance(padding, str) else [(p,) for p in padding]
    return [
        Window((k,), (s,), side, (d,), (axis,))
        for k, s, side, d, axis in zip(size, strides, sides, dilation, axes, strict=True)
    ]


def standardize_padding(
    padding: Any, rank: int, words: Sequence[str] = ("valid", "same")
) -> Pads | str:
    """Returns the padding as a word or as one (before, after) pair for each axis.

    Args:
        padding: a word; an int ≥ 0 for all sides; or an int or a (before, after) pair for each of
            `rank` axes.
        rank: number of axes.
        words: the words that are allowed.

    Raises:
        ValueError: for anything else.

    Example:

    >>> standardize_padding(1, rank=2)
    ((1, 1), (1, 1))
    >>> standardize_padding((1, (0, 2)), rank=2)
    ((1, 1), (0, 2))
    """
    if isinstance(padding, str) and padding.lower() in words:
        return padding.lower()
    entries = (padding,) * rank if is_integer(padding) else padding
    if is_sequence(entries) and len(entries) == rank:
        pairs = [(entry, entry) if is_integer(entry) else entry for entry in entries]
        if all(_is_pair(pair) for pair in pairs):
            return tuple((int(before), int(after)) for before, after in pairs)
    options = [repr(word) for word in words] + ["an integer ≥ 0"]
    options.append(
        f"{rank} {'entry' if rank == 1 else 'entries'}, each such an integer or a "
        "(before, after) pair of them"
    )
    raise argument_error("padding", ", ".join(options[:-1]) + " or " + options[-1], padding)


def _is_pair(value: Any) -> bool:
    return (
        is_sequence(value)
        and len(value) == 2
        and all(is_integer(side) and side >= 0 for side in value)
    )


def resolve_padding(
    padding: Pads | str,
    lengths: Sequence[Any],
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Pads:
    """Returns the (before, after) pairs that a padding means for inputs of these lengths.

    "same" gives ⌈m/s⌉ outputs, its odd pixel after, as in Keras; "causal" pads before alone.

    Example:

    >>> resolve_padding("same", (28,), (3,), (2,), (1,))
    ((0, 1),)
    """
    if not isinstance(padding, str):
        return padding
    pairs = []
    for length, k, s, d in zip(lengths, size, strides, dilation, strict=True):
        span = d * (k - 1)
        if padding == "valid":
            pairs.append((0, 0))
        elif padding == "causal":
            pairs.append((span, 0))
        else:
            if s > 1:  # the last window starts at (⌈m/s⌉ − 1)·s; ONNX divides only numbers ≥ 0
                short = ((length + s - 1) // s - 1) * s + span + 1 - length
                # JAX exports lengths as symbols, of which it cannot find the larger
                span = short if span >= s - 1 else maximum(short, 0)
            pairs.append((span // 2, span - span // 2))
    return tuple(pairs)


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
    if _is_pair(padding):
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
    size, strides, _, dilation, axes = window
    padded = padded_shape(shape, window.resolved(shape))
    return tuple(
        (padded[axis] - (d * (k - 1) + 1)) // s + 1
        for axis, k, s, d in zip(axes, size, strides, dilation, strict=True)
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
