"""Replaces the optimizer, the loss or the metrics that a hypermodel compiles its models with."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error

NAMES = ("optimizer", "loss", "metrics")


def replacements(**arguments: Any) -> dict[str, Any]:
    """Returns the arguments of `compile` to replace, as every trial creates them anew.

    >>> replacements(optimizer=keras.optimizers.SGD(0.5), loss="mse", metrics=None)["loss"]
    'mse'
    """
    return {name: _plan(name, value) for name, value in arguments.items() if value is not None}


def recompiled(model: keras.Model, replaced: Mapping[str, Any]) -> keras.Model:
    """Compiles a model again with what is replaced; all else stays as the model has it."""
    if not replaced:
        return model
    config = dict(model.get_compile_config() or {})
    try:
        kept = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
            if name not in replaced
        }
    except (TypeError, ValueError) as error:
        expected = "given with `optimizer`, `loss` and `metrics` together, for this model"
        raise argument_error("metrics", expected, list(replaced), str(error)) from error
    model.compile(**kept, **{name: _made(value) for name, value in replaced.items()})
    return model


def described(replaced: Mapping[str, Any]) -> dict[str, str]:
    """Returns a text for each argument, to tell whether it has changed.

    >>> described({"loss": "mse"})
    {'loss': 'mse'}
    """
    return {name: _text(value) for name, value in replaced.items()}


def _plan(name: str, value: Any) -> Any:
    """Returns (class, config) for an object that each model needs its own of."""
    if isinstance(value, list | tuple | dict):
        return keras.tree.map_structure(lambda part: _plan(name, part), value)
    if isinstance(value, keras.optimizers.Optimizer | keras.losses.Loss | keras.metrics.Metric):
        return _Plan(type(value), value.get_config())
    if isinstance(value, str) or callable(value):
        return value
    raise argument_error(name, "what `compile` takes", value)


class _Plan:
    """A class and the configuration of an instance."""

    def __init__(self, kind: type, config: dict[str, Any]):
        self.kind = kind
        self.config = config

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({self.config})"

    def make(self) -> Any:
        return self.kind.from_config(dict(self.config))  # type: ignore[attr-defined]


def _made(value: Any) -> Any:
    return keras.tree.map_structure(
        lambda part: part.make() if isinstance(part, _Plan) else part, value
    )


def _text(value: Any) -> str:
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(part)}" for name, part in value.items())
    return str(value)
