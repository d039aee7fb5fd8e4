"""Rules of the user: how PyTorch stores the weights of custom layers."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error, is_sequence
from keras_dlnotes.common.graph import children
from keras_dlnotes.interop.weight_mapping import WeightMapping, single, transposed, vector

Rule = Callable[[Any], Mapping[str, Any]]

_RULES: dict[type, Rule] = {}
_ELEMENTWISE: set[type] = set()


def rule(*layers: type, elementwise: bool = False) -> Callable[[Rule], Rule]:
    """Registers how PyTorch stores the weights of a custom layer: a decorator.

    The function takes the built layer and returns a dict of PyTorch's names to Keras's weights. A
    weight alone has the same layout in both; in a tuple (weight, axes), PyTorch's axis n is Keras's
    axes[n]; in a tuple (weight, to_torch, to_keras), two functions of a NumPy array convert it.
    Layers inside the layer keep their own rules. A weight that the function leaves out does not
    exist in PyTorch, and is left unchanged.

    Args:
        layers: layer classes; the rule holds for subclasses too, unless they have their own.
        elementwise: whether the layer is elementwise, so that it keeps the order of features.
            Otherwise its `call` is traced on symbolic tensors; if that fails, the order of features
            after the layer is unknown.

    Returns:
        The decorator, which returns the function unchanged.

    Raises:
        ValueError: if a layer is not a class of layers, or `elementwise` not a bool.

    Example:

    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factors = self.add_weight(shape=(input_shape[-1],), name="factors")
    ...     def call(self, inputs):
    ...         return inputs * self.factors
    >>> @rule(Scale, elementwise=True)
    ... def scale(layer):
    ...     return {"gamma": layer.factors}
    >>> model = keras.Sequential([keras.Input((3,)), Scale(name="scale")])
    >>> from keras_dlnotes.interop import to_torch
    >>> {name: tuple(tensor.shape) for name, tensor in to_torch(model).items()}
    {'scale.gamma': (3,)}
    """
    for kind in layers or (None,):
        if not (isinstance(kind, type) and issubclass(kind, keras.Layer)):
            raise argument_error("layers", "classes of layers", kind)
    if not isinstance(elementwise, bool):
        raise argument_error("elementwise", "True or False", elementwise)

    def add(function: Rule) -> Rule:
        if not callable(function):
            raise argument_error("function", "a function of a layer", function)
        _RULES.update(dict.fromkeys(layers, function))
        (_ELEMENTWISE.update if elementwise else _ELEMENTWISE.difference_update)(layers)
        return function

    return add


def elementwise_layers() -> frozenset[type]:
    """Returns the classes that users have registered as elementwise."""
    return frozenset(_ELEMENTWISE)


def find_rule(layer: keras.Layer) -> Rule | None:
    return next((_RULES[kind] for kind in type(layer).__mro__ if kind in _RULES), None)


def weights_left_out(layer: keras.Layer) -> list[Any]:
    """Returns the own weights of a layer with a user's rule, whether the rule names them or not."""
    if find_rule(layer) is None:
        return []
    inside = {id(weight) for _, child in children(layer) for weight in child.weights}
    return [weight for weight in layer.weights if id(weight) not in inside]


def mappings_of_rule(rule: Rule, layer: keras.Layer, path: str) -> list[WeightMapping | None]:
    """Returns what the user's rule gives for the layer, checked."""
    found = rule(layer)
    if not isinstance(found, Mapping):
        raise ValueError(
            f"The rule for layer {path} must return a dict of PyTorch's names to weights. "
            f"Received: {found!r}"
        )
    return [_mapping(name, entry, path) for name, entry in found.items()]


def _mapping(name, entry, path) -> WeightMapping | None:
    weight, *ways = entry if isinstance(entry, tuple) else (entry,)
    if isinstance(name, str) and hasattr(weight, "assign") and hasattr(weight, "shape"):
        if not ways:
            return vector(name, weight)
        if len(ways) == 1 and is_sequence(ways[0]):
            if sorted(ways[0]) == list(range(len(weight.shape))):
                return transposed(name, weight, tuple(ways[0]))
        elif len(ways) == 2 and all(map(callable, ways)):
            shape = np.shape(ways[0](np.ones(tuple(weight.shape), "float32")))
            return single(name, weight, shape, *ways)
    raise ValueError(
        f"The rule for layer {path} must give each name a weight, (weight, axes) with every axis "
        f"once, or (weight, to_torch, to_keras). Received: {name!r}: {entry!r}"
    )
