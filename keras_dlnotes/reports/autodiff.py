"""The gradient of a number with respect to tensors, on each of Keras's backends."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np


def gradients(function: Callable[[list[Any]], Any], tensors: Sequence[Any]) -> list[np.ndarray]:
    """Returns ∂function/∂tensor for each tensor, as arrays; zeros where it does not depend on it.

    Args:
        function: Takes the list of tensors and returns one number, a tensor without axes.
        tensors: Where to take the gradient.

    >>> square = lambda tensors: keras.ops.sum(tensors[0] ** 2)
    >>> gradients(square, [np.array([1.0, 3.0], "float32")])[0].tolist()
    [2.0, 6.0]
    """
    values = [keras.ops.convert_to_tensor(tensor) for tensor in tensors]
    backend = keras.config.backend()
    found = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend](function, values)
    return [keras.ops.convert_to_numpy(gradient) for gradient in found]


def _tensorflow(function: Callable, values: list) -> list:
    import tensorflow

    with tensorflow.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    zero = tensorflow.UnconnectedGradients.ZERO
    return tape.gradient(result, values, unconnected_gradients=zero)


def _jax(function: Callable, values: list) -> list:
    import jax

    return jax.grad(function)(values)


def _torch(function: Callable, values: list) -> list:
    import torch

    leaves = [value.detach().clone().requires_grad_() for value in values]
    with torch.enable_grad():
        result = function(leaves)
    return torch.autograd.grad(result, leaves, allow_unused=True, materialize_grads=True)
