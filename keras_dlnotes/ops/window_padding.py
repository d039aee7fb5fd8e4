"""What a padding means: its forms, and the (before, after) pairs that it comes to.

Lengths may be unknown until the call; then they are tensors.
"""

from collections.abc import Sequence
from typing import Any

from keras_dlnotes.common.checks import argument_error, is_integer, is_sequence
from keras_dlnotes.ops.shapes import maximum, minimum

Pads = tuple[tuple[Any, Any], ...]  # (before, after) an axis, in numbers or in tensors


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
        if all(is_pair(pair) for pair in pairs):
            return tuple((int(before), int(after)) for before, after in pairs)
    options = [repr(word) for word in words] + ["an integer ≥ 0"]
    options.append(
        f"{rank} {'entry' if rank == 1 else 'entries'}, each such an integer or a "
        "(before, after) pair of them"
    )
    raise argument_error("padding", ", ".join(options[:-1]) + " or " + options[-1], padding)


def is_pair(value: Any) -> bool:
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


def round_up(
    pads: Pads, lengths: Sequence[Any], size: Sequence[int], strides: Sequence[int]
) -> Pads:
    """Returns padding with as much more after it as a window that would be cut off needs.

    The number of windows is then rounded up, ⌈(m + before + after − k)/s⌉ + 1, unless the last one
    would start behind the image: the rule of PyTorch's `ceil_mode`.

    Example:

    >>> round_up(((0, 0),), (6,), (3,), (2,))
    ((0, 1),)
    """
    result = []
    for (before, after), length, k, s in zip(pads, lengths, size, strides, strict=True):
        padded = length + before + after
        if after + s <= k:  # no window starts behind the image
            # where the length is open, more than what is needed: less than a step is cut off
            more = -(padded - k) % s if isinstance(padded, int) else s - 1
        else:
            last = minimum((padded - k + s - 1) // s, (length + before - 1) // s)
            more = maximum(last * s + k - padded, 0)
        result.append((before, after + more))
    return tuple(result)
