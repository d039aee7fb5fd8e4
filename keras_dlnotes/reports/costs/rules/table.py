"""The table of what layers cost and what they see, and how to add to it.

A cost is a function `(layer, input_shape, output_shape) → multiplications`. Shapes have the batch
in front, all lengths known; a layer of several inputs gets a list of shapes, in the order of its
`call`. None says that the layer's setting has no rule.

A view is a function `(layer, input_shape, output_shape) → moves`; lengths may be unknown. `moves`
says for an input axis where it goes: to which output axis, and from which input position (`first`)
to which (`last`) each output position sees. None stands for an axis of which every output sees
everything, and an axis that is not named stays as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import keras

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.reports.costs.rules.progression import Progression

Shape = tuple[int | None, ...]


class Move(NamedTuple):
    """Where an input axis goes, and the range of its positions that each output position sees."""

    axis: int
    first: Progression = Progression.linear(1)
    last: Progression = Progression.linear(1)


class Window(NamedTuple):
    """A window that slides over the axes between batch and channels.

    Output o sees the inputs o·s − p … o·s − p + d(k−1).

    Args:
        size: k, for all axes or for each.
        strides: s, likewise.
        padding: p, what is added before, likewise.
        dilation: d, likewise.
    """

    size: int | Sequence[int]
    strides: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    dilation: int | Sequence[int] = 1

    def moves(self, axes: Sequence[int]) -> "Moves":
        """Returns how it moves these axes."""
        settings = zip(
            *(
                _lengths(name, value, len(axes), least)
                for (name, value), least in zip(
                    self._asdict().items(), (1, 1, None, 1), strict=True
                )
            ),
            strict=True,
        )
        moves = {}
        for axis, (size, stride, before, spacing) in zip(axes, settings, strict=True):
            last = spacing * (size - 1) - before
            moves[axis] = Move(
                axis, Progression.linear(stride, -before), Progression.linear(stride, last)
            )
        return moves


Moves = Mapping[int, Move | None]
Cost = Callable[[Any, Any, Any], int | None]
View = Callable[[Any, Any, Any], Any]

_COSTS: dict[type | str, Cost] = {}
_VIEWS: dict[type | str, View] = {}


def rule(*layers: type | str, sees: Any = None) -> Callable[[Cost], Cost]:
    """Adds layers to the table, as the decorator of the function that counts their multiplications.

    Args:
        layers: Layer classes, or the names that they are registered under ("package>Name"). The
            rule holds for subclasses too, as long as none has one of its own.
        sees: What an output sees of the inputs: "position", its own position alone; "everything";
            or a function that returns a `Window` for the layer. Without it the receptive field of
            what follows is not known.

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
    names = isinstance(sees, str) and sees in ("position", "everything")
    if not (sees is None or callable(sees) or names):
        expected = "'position', 'everything' or a function that returns a Window"
        raise argument_error("sees", expected, sees)
    if sees == "position":
        view(*layers)(position)
    elif sees == "everything":
        view(*layers)(everything)
    elif sees is not None:
        view(*layers)(_sliding(sees))

    def add(function: Cost) -> Cost:
        if not callable(function):
            raise argument_error("function", "one that counts multiplications", function)
        _COSTS.update(dict.fromkeys(layers, function))
        return function

    return add


def view(*layers: type | str) -> Callable[[View], View]:
    """Adds layers to what is known of views, as the decorator of the function that tells it."""

    def add(function: View) -> View:
        _VIEWS.update(dict.fromkeys(layers, function))
        return function

    return add


def find_cost(operation: Any) -> Cost | None:
    """Returns the cost of a layer or a plain operation, or None if there is no rule."""
    return _find(operation, _COSTS)


def find_view(operation: Any) -> View | None:
    """Returns what a layer or a plain operation sees, or None if there is no rule."""
    return _find(operation, _VIEWS)


def _find(operation: Any, table: Mapping[type | str, Any]) -> Any:
    if not isinstance(operation, keras.Layer):
        return table.get(f"operation {type(operation).__name__}")
    for kind in type(operation).__mro__:
        for key in (kind, keras.saving.get_registered_name(kind)):
            if key in table:
                return table[key]
    return None


def _sliding(window: Callable[[Any], Window]) -> View:
    def slide(layer, input_shape, output_shape):
        return window(layer).moves(spatial_axes(layer, first_shape(input_shape)))

    return slide


def position(layer, input_shape, output_shape):
    """Each output sees its own position."""
    return {}


def everything(layer, input_shape, output_shape):
    """Each output sees all positions of all axes."""
    shapes = input_shape if isinstance(input_shape, list) else [input_shape]
    return dict.fromkeys(range(1, max(map(len, shapes))))


def spatial_axes(layer: Any, shape: Shape) -> range:
    """Returns the axes between batch and channels in the layer's layout."""
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        return range(2, len(shape))
    return range(1, len(shape) - 1)


def first_shape(shape: Any) -> Any:
    """Returns the shape, or the first of several."""
    return shape[0] if isinstance(shape, list) else shape


def entries(value: Any, count: int) -> tuple:
    """Returns one entry for each axis; a single number stands for all of them."""
    return (value,) * count if isinstance(value, int) else tuple(value)


def _lengths(name: str, value: Any, count: int, least: int | None) -> tuple[int, ...]:
    found = (value,) * count if isinstance(value, Integral) else value
    if (
        not isinstance(found, list | tuple)
        or len(found) != count
        or not all(isinstance(n, Integral) and not isinstance(n, bool) for n in found)
        or (least is not None and any(n < least for n in found))
    ):
        end = "" if least is None else f" ≥ {least}"
        expected = f"an integer{end} or {count} of them, one for each axis"
        raise argument_error(name, expected, value)
    return tuple(int(length) for length in found)


def keras_layers(*names: str) -> list[type]:
    """Returns Keras's layers of these names; a version of Keras may lack one."""
    return [getattr(keras.layers, name) for name in names if hasattr(keras.layers, name)]


def by_rank(*names: str) -> list[type]:
    """Returns Keras's layers of these names with 1D, 2D and 3D in place of the "*"."""
    return keras_layers(*(name.replace("*", f"{rank}D") for name in names for rank in (1, 2, 3)))


def operations(*names: str) -> list[str]:
    """Returns the keys of plain operations, those of `keras.ops`, by the names of their classes."""
    return [f"operation {name}" for name in names]
