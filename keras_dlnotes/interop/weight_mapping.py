"""Keras weights beside the PyTorch tensors that hold the same numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_dlnotes.interop.layout import IDENTITY


@dataclass(frozen=True, eq=False)
class WeightMapping:
    """Keras weights, the names and shapes of their PyTorch tensors, and the conversions.

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
        # copies: JAX may keep an array that it is given, and PyTorch may change it in place
        return [np.array(value, order="C") for value in values]


def single(name: str, variable, shape, to_torch, to_keras) -> WeightMapping:
    """One weight, one tensor, and functions of one array."""
    return WeightMapping(
        (variable,),
        {name: tuple(shape)},
        lambda value: (to_torch(value),),
        lambda tensor: (to_keras(tensor),),
    )


def transposed(name: str, variable, axes: tuple[int, ...]) -> WeightMapping:
    """A weight with permuted axes: PyTorch's axis n is Keras's axes[n]."""
    back = np.argsort(axes)
    return single(
        name,
        variable,
        [variable.shape[axis] for axis in axes],
        lambda value: value.transpose(axes),
        lambda tensor: tensor.transpose(back),
    )


def vector(name: str, variable, order=IDENTITY) -> WeightMapping | None:
    """One number for each feature; None if the layer has no such weight."""
    if variable is None:
        return None
    return single(
        name,
        variable,
        variable.shape,
        lambda values: to_torch_order(values, order, 0),
        lambda values: to_keras_order(values, order, 0),
    )


def to_torch_order(values, order, axis):
    """Brings Keras's entries into PyTorch's order."""
    return np.take(values, order, axis) if isinstance(order, np.ndarray) else values


def to_keras_order(values, order, axis):
    return np.take(values, np.argsort(order), axis) if isinstance(order, np.ndarray) else values
