"""Keras weights beside the PyTorch tensors that hold the same numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_dlnotes.interop.places import SAME


@dataclass(frozen=True, eq=False)
class Field:
    """Keras weights, the names and shapes of the PyTorch tensors for them, and the way both ways.

    `to_torch` takes an array for each weight and returns a tuple of one for each tensor; `to_keras`
    is its inverse.
    """

    variables: tuple[Any, ...]
    shapes: dict[str, tuple[int, ...]]
    to_torch: Callable
    to_keras: Callable

    def tensors(self, values: list[np.ndarray]) -> dict[str, np.ndarray]:
        results = self.to_torch(*values)
        return {
            name: np.array(entry, order="C")
            for name, entry in zip(self.shapes, results, strict=True)
        }

    def weights(self, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
        values = self.to_keras(*(tensors[name] for name in self.shapes))
        return [np.ascontiguousarray(value) for value in values]


def single(name: str, variable, shape, to_torch, to_keras) -> Field:
    """One weight, one tensor, and functions of one array."""
    return Field(
        (variable,),
        {name: tuple(shape)},
        lambda value: (to_torch(value),),
        lambda tensor: (to_keras(tensor),),
    )


def transposed(name: str, variable, axes: tuple[int, ...]) -> Field:
    """A weight whose axes lie in another order: PyTorch's axis n is Keras's axes[n]."""
    back = np.argsort(axes)
    return single(
        name,
        variable,
        [variable.shape[axis] for axis in axes],
        lambda value: value.transpose(axes),
        lambda tensor: tensor.transpose(back),
    )


def vector(name: str, variable, order=SAME) -> Field | None:
    """One number a feature; None where the layer has none."""
    if variable is None:
        return None
    return single(
        name,
        variable,
        variable.shape,
        lambda values: taken(values, order, 0),
        lambda values: put_back(values, order, 0),
    )


def taken(values, order, axis):
    """Brings Keras's entries into PyTorch's order."""
    return np.take(values, order, axis) if isinstance(order, np.ndarray) else values


def put_back(values, order, axis):
    return np.take(values, np.argsort(order), axis) if isinstance(order, np.ndarray) else values
