"""Lets a layer keep the exact signature of its Keras twin while it takes over a few arguments."""

import inspect


class KeepsSignature:
    """Mixin in front of a Keras layer: shows that layer's signature and binds arguments by it."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        twin = keras_twin(cls)
        if twin is not None:
            cls.__signature__ = inspect.signature(twin)

    @classmethod
    def bind(cls, args, kwargs) -> dict:
        """Returns all arguments by name, defaults included."""
        bound = cls.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        others = arguments.pop("kwargs", {})
        return {**arguments, **others}


def keras_twin(layer_class: type) -> type | None:
    """Returns the `keras.layers` class that the layer class stands in for."""
    return next(
        (base for base in layer_class.__mro__ if base.__module__.startswith("keras.")), None
    )
