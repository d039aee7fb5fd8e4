"""The table of what layers cost and what they see, and how to add to it.

A cost is a function `(layer, input_shape, output_shape) → multiplications`. Shapes have the batch
in front, all lengths known; a layer of several inputs gets a list of shapes, in the order of its
`call`. None says that there is no rule for the layer's settings. `moves.py` says what a view is.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import keras

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.reports.costs.rules.moves import (
    Window,
    everything,
    first_shape,
    position,
    spatial_axes,
)

Cost = Callable[[Any, Any, Any], int | None]
View = Callable[[Any, Any, Any], Any]


class Rule(NamedTuple):
    """How many multiplications a layer or operation makes, and what it sees; None if not known."""

    cost: Cost | None = None
    view: View | None = None


Row = tuple[Sequence[type | str], Cost | None, View | None]

_RULES: dict[type | str, Rule] = {}


def rule(*layers: type | str, sees: Any = None) -> Callable[[Cost], Cost]:
    """Adds layers to the table: a decorator for the function that counts their multiplications.

    Args:
        layers: Layer classes, or their registered names ("package>Name"). The rule also holds for
            subclasses without a rule of their own.
        sees: What an output sees of the inputs: "position" for its own position only; "everything";
            or a function that returns a `Window` for the layer. Without it, receptive fields after
            the layer are unknown.

    Raises:
        ValueError: If a layer or `sees` is none of these.

    >>> class Scale(keras.layers.Layer):
    ...     pass
    >>> @rule(Scale, sees="position")
    ... def scale(layer, input_shape, output_shape):
    ...     return output_shape[-1]
    >>> find_cost(Scale()) is scale
    True
    """
    if not layers:
        raise argument_error("layers", "at least one layer class or name", ())
    for layer in layers:
        if not isinstance(layer, str | type):
            expected = "a layer class or the name that it is registered under"
            raise argument_error("layers", expected, layer)
    named = {"position": position, "everything": everything}
    if not (sees is None or callable(sees) or (isinstance(sees, str) and sees in named)):
        expected = "'position', 'everything' or a function that returns a Window"
        raise argument_error("sees", expected, sees)
    view = _sliding(sees) if callable(sees) else named.get(sees)

    def register(function: Cost) -> Cost:
        if not callable(function):
            raise argument_error("function", "one that counts multiplications", function)
        add_row(layers, function, view)
        return function

    return register


def add_row(keys: Iterable[type | str], cost: Cost | None, view: View | None) -> None:
    """Sets what some layers or operations cost and see; None leaves what is known of it."""
    for key in keys:
        known = _RULES.get(key, Rule())
        _RULES[key] = Rule(cost or known.cost, view or known.view)


def find_cost(operation: Any) -> Cost | None:
    """Returns the cost of a layer or a plain operation, or None if there is no rule."""
    return _find(operation, "cost")


def find_view(operation: Any) -> View | None:
    """Returns the view of a layer or a plain operation, or None if there is no rule."""
    return _find(operation, "view")


def _find(operation: Any, column: str) -> Any:
    keys: Iterable = [f"operation {type(operation).__name__}"]
    if isinstance(operation, keras.Layer):
        kinds = type(operation).__mro__
        keys = (key for kind in kinds for key in (kind, keras.saving.get_registered_name(kind)))
    found = (getattr(_RULES.get(key), column, None) for key in keys)
    return next(filter(None, found), None)


def _sliding(window: Callable[[Any], Window]) -> View:
    def slide(layer, input_shape, output_shape):
        return window(layer).moves(spatial_axes(layer, first_shape(input_shape)))

    return slide


def keras_layers(*names: str) -> list[type]:
    """Returns Keras's layers of these names, with 1D, 2D and 3D in place of a "*".

    A version of Keras may lack one.
    """
    ranks = {name: (1, 2, 3) if "*" in name else (0,) for name in names}
    full = [name.replace("*", f"{rank}D") for name in names for rank in ranks[name]]
    return [getattr(keras.layers, name) for name in full if hasattr(keras.layers, name)]


def operation_keys(*names: str) -> list[str]:
    """Returns the keys of plain operations, those of `keras.ops`, by the names of their classes."""
    return [f"operation {name}" for name in names]
