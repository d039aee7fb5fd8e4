"""Shapes whose lengths may be tensors, where a graph leaves them open."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops


def maximum(left, right):
    """The larger of two lengths, which are ints wherever they are known."""
    return max(left, right) if isinstance(left, int) else ops.maximum(left, right)


def minimum(left, right):
    """The smaller of two lengths, which are ints wherever they are known."""
    return min(left, right) if isinstance(left, int) else ops.minimum(left, right)


def reshape(inputs, shape: Sequence[Any]):
    """`keras.ops.reshape` for shapes with entries that are tensors."""
    unknown = [axis for axis, length in enumerate(shape) if not isinstance(length, int)]
    if any(isinstance(length, int) and length == 0 for length in shape):
        unknown = []  # −1 would be 0 beside a length of 0, whatever it stands for
    known = [-1 if unknown == [axis] else length for axis, length in enumerate(shape)]
    return ops.reshape(inputs, known)


def flatten_positions(tensor):
    """(batch, lengths…, channels) → (batch, positions, channels)."""
    batch, *lengths, channels = ops.shape(tensor)
    return reshape(tensor, (batch, math.prod(lengths), channels))


def along(axis: int, rank: int, values):
    """A vector, shaped to vary along one axis of a tensor of this rank."""
    return ops.reshape(values, [-1 if a == axis else 1 for a in range(rank)])


def part_along(tensor, axis: int, entries: slice):
    """The part of a tensor that a slice takes along one axis."""
    return tensor[(*(slice(None),) * axis, entries)]
