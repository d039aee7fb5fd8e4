"""One Keras weight beside the PyTorch tensors that hold the same numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Field:
    """A Keras weight, the names of the PyTorch tensors for it, and the way there and back.

    With one name, `to_torch` takes and `to_keras` returns one array; with several, `to_torch`
    returns a tuple, and `to_keras` takes as many arrays. All the tensors have the same shape.
    """

    names: tuple[str, ...]
    variable: Any
    shape: tuple[int, ...]
    to_torch: Callable
    to_keras: Callable

    def tensors(self, value: np.ndarray) -> dict[str, np.ndarray]:
        result = self.to_torch(value)
        results = result if len(self.names) > 1 else (result,)
        return {
            name: np.array(entry, order="C")
            for name, entry in zip(self.names, results, strict=True)
        }

    def weight(self, tensors: dict[str, np.ndarray]) -> np.ndarray:
        return self.to_keras(*(tensors[name] for name in self.names))


def transposed(name: str, variable, axes: tuple[int, ...]) -> Field:
    """A weight whose axes lie in another order: PyTorch's axis n is Keras's axes[n]."""
    back = np.argsort(axes)
    return Field(
        (name,),
        variable,
        tuple(variable.shape[axis] for axis in axes),
        lambda value: value.transpose(axes),
        lambda tensor: tensor.transpose(back),
    )
