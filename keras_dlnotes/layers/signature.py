"""Lets a layer keep the signature of its Keras twin while it handles some arguments itself."""

import inspect
from typing import Any, ClassVar


class _Signature:
    """`inspect.signature` of the class: the twin's with its own defaults and more keywords.

    A class attribute would also be the signature of instances, which are called with tensors.
    """

    def __get__(self, instance, owner):
        twin = keras_twin(owner)
        if instance is not None or twin is None:
            raise AttributeError("__signature__")
        signature = _twin_signature(owner)
        parameters = list(signature.parameters.values())
        return signature.replace(parameters=[*parameters[:-1], *_own(owner, twin), parameters[-1]])


class KeepsSignature:
    """Mixin before a Keras layer: has that layer's signature and binds arguments by it."""

    __signature__ = _Signature()
    different_defaults: ClassVar[dict[str, Any]] = {}

    @classmethod
    def bind(cls, args, kwargs) -> dict:
        """Returns all arguments of the twin by name, defaults included."""
        bound = _twin_signature(cls).bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        others = arguments.pop("kwargs", {})
        return {**arguments, **others}


def keras_twin(layer_class: type) -> type | None:
    """Returns the `keras.layers` class that the layer class replaces."""
    candidates = (
        base
        for base in layer_class.__mro__
        # not a subclass that Keras itself derives from a class of ours
        if base.__module__.startswith("keras.") and not issubclass(base, KeepsSignature)
    )
    return next(candidates, None)


def _twin_signature(layer_class: type["KeepsSignature"]) -> inspect.Signature:
    twin = keras_twin(layer_class)
    assert twin is not None
    signature = inspect.signature(twin)
    different = layer_class.different_defaults
    parameters = [
        parameter.replace(default=different.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
    ]
    return signature.replace(parameters=parameters)


def _own(layer_class: type, twin: type) -> list[inspect.Parameter]:
    """The keyword-only arguments of the classes before the twin."""
    in_front = layer_class.__mro__[: layer_class.__mro__.index(twin)]
    constructors = [vars(base)["__init__"] for base in in_front if "__init__" in vars(base)]
    return [
        parameter
        for constructor in constructors
        for parameter in inspect.signature(constructor).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
