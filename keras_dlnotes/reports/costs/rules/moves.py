"""What an output sees of its inputs, axis by axis.

A view is a function `(layer, input_shape, output_shape) → moves`; lengths may be unknown. `moves`
says for an input axis where it goes: to which output axis, and from which input position (`first`)
to which (`last`) each output position sees. None stands for an axis of which every output sees
everything, and an axis that is not named stays as it is. A layer of several inputs gets a list of
shapes, and returns one mapping for all of them or a list.
"""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

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
        padding: p, the padding in front, likewise.
        dilation: d, likewise.
    """

    size: int | Sequence[int]
    strides: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    dilation: int | Sequence[int] = 1

    def moves(self, axes: Sequence[int]) -> "Moves":
        """Returns the moves of these axes."""
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


def position(layer, input_shape, output_shape):
    """Each output sees its own position."""
    return {}


def everything(layer, input_shape, output_shape):
    """Each output sees all positions of all axes."""
    return dict.fromkeys(range(1, max(map(len, shapes_of(input_shape)))))


def spatial_axes(layer: Any, shape: Shape) -> range:
    """Returns the axes between batch and channels in the layer's layout."""
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        return range(2, len(shape))
    return range(1, len(shape) - 1)


def shapes_of(shape: Any) -> list[Shape]:
    """Returns the shapes of all inputs."""
    return shape if isinstance(shape, list) else [shape]


def first_shape(shape: Any) -> Any:
    """Returns the shape, or the first of several."""
    return shapes_of(shape)[0]


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
