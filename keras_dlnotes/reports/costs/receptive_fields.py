"""The receptive fields of all tensors of a model, propagated from its input to its outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import keras
from keras import KerasTensor

from keras_dlnotes.common.calls import Call, FoldTime, UnfoldTime
from keras_dlnotes.common.checks import integer
from keras_dlnotes.reports.costs.rules import Move, find_view
from keras_dlnotes.reports.costs.rules.operations import get_item
from keras_dlnotes.reports.costs.rules.progression import Progression
from keras_dlnotes.reports.costs.trace import Trace


@dataclass(frozen=True)
class ReceptiveField:
    """The part of the input that an output depends on, an entry for each axis of the input.

    Along an axis, output o depends on the inputs start + o·stride … start + o·stride + size − 1, as
    if the input went on beyond its borders. None means that it depends on the whole axis.

    Args:
        size: How many positions.
        stride: How far the field moves from one output to the next; a fraction after a transposed
            convolution. There the fields of neighbours differ in size, and `size` is the largest.
        start: The first position that output 0 sees; negative inside the padding.
        misaligned: The layers where branches meet whose fields have different centres.
    """

    size: tuple[int | None, ...]
    stride: tuple[int | Fraction | None, ...]
    start: tuple[int | None, ...]
    misaligned: tuple[str, ...] = ()

    @property
    def centre(self) -> tuple[float | None, ...]:
        """The middle of what output 0 sees."""
        return tuple(
            None if size is None or start is None else start + (size - 1) / 2
            for size, start in zip(self.size, self.start, strict=True)
        )


@dataclass(frozen=True)
class Unknown:
    """The state after a layer without a rule: which layer it was."""

    name: str
    kind: str


@dataclass(frozen=True)
class Tracked:
    """An axis of the input within a tensor: which of its axes, and what each position sees."""

    axis: int
    first: Progression
    last: Progression


# By axis of the input; empty for what does not depend on the input, None for the whole axis.
State = Mapping[int, Tracked | None] | Unknown


class ReceptiveFields:
    """The receptive fields of all tensors of a trace."""

    def __init__(self, traced: Trace, input_index: int = 0):
        integer("input_index", input_index, 0, len(traced.inputs) - 1)
        entrance = traced.inputs[input_index]
        self.axes = _input_axes(traced, entrance)
        still = Progression.linear(1)
        start: State = {axis: Tracked(axis, still, still) for axis in self.axes}
        self._states: dict[int, State] = {id(entrance): start}
        self._misaligned: dict[int, tuple[str, ...]] = {}
        for call in traced.calls:
            self._take(call)

    def of(self, tensor: Any) -> State:
        """Returns what is known of a tensor."""
        return self._states.get(id(tensor), {})

    def describe(self, tensor: KerasTensor) -> ReceptiveField | None:
        """Returns the receptive field of a tensor; None if a layer before it has no rule."""
        state = self.of(tensor)
        if isinstance(state, Unknown):
            return None
        sizes: list[int | None] = []
        strides: list[int | Fraction | None] = []
        starts: list[int | None] = []
        for axis in self.axes:
            tracked = state.get(axis) if state else Tracked(axis, *_NOTHING)
            if tracked is None:
                for entries in (sizes, strides, starts):
                    entries.append(None)
                continue
            first, last = tracked.first, tracked.last
            positions = range(lcm(first.period, last.period))
            sizes.append(max(last(o) - first(o) + 1 for o in positions))
            slope = first.slope
            strides.append(int(slope) if slope.denominator == 1 else slope)
            starts.append(first(0))
        misaligned = self._misaligned.get(id(tensor), ())
        return ReceptiveField(tuple(sizes), tuple(strides), tuple(starts), misaligned)

    def _take(self, call: Call) -> None:
        states = [self.of(operand) for operand in call.operands]
        names = dict.fromkeys(
            name for operand in call.operands for name in self._misaligned.get(id(operand), ())
        )
        state: State | None = next((state for state in states if isinstance(state, Unknown)), None)
        if state is None and not any(states):
            return
        if state is None:
            moves = _moves(call)
            if moves is None:
                state = Unknown(call.name, type(call.operation).__name__)
            else:
                moved = [
                    {axis: _move(tracked, taken) for axis, tracked in known.items()}
                    for known, taken in zip(states, moves, strict=True)
                    if isinstance(known, Mapping) and known
                ]
                state, aligned = _union(moved)
                if not aligned:
                    names[call.name] = None
        for output in call.outputs:
            self._states[id(output)] = state
            self._misaligned[id(output)] = tuple(names)


_NOTHING = Progression.linear(0, 0), Progression.linear(0, -1)


def _input_axes(traced: Trace, entrance: KerasTensor) -> list[int]:
    """Returns the axes of the input between batch and channels."""
    rank = len(entrance.shape)
    if rank == 2:
        return [1] if _is_looked_up(traced, entrance) else []
    formats = (getattr(call.operation, "data_format", None) for call in traced.calls)
    if next(filter(None, formats), None) == "channels_first":
        return list(range(2, rank))
    return list(range(1, rank - 1))


def _is_looked_up(traced: Trace, entrance: KerasTensor) -> bool:
    return any(
        isinstance(call.operation, keras.layers.Embedding)
        and any(operand is entrance for operand in call.operands)
        for call in traced.calls
    )


def _moves(call: Call) -> Sequence[Mapping[int, Move | None]] | None:
    """Returns the moves of the axes of each operand."""
    operation = call.operation
    count = len(call.operands)
    shapes = [tuple(operand.shape) for operand in call.operands]
    ranks = range(max(map(len, shapes)) + 1)
    if isinstance(operation, FoldTime):
        return [{axis: Move(axis - 1) for axis in ranks if axis}] * count
    if isinstance(operation, UnfoldTime):
        return [{axis: Move(axis + 1) for axis in ranks}] * count
    if type(operation).__name__ == "GetItem" and not isinstance(operation, keras.Layer):
        args, kwargs = call.args, call.kwargs
        moves: Any = get_item(args[1] if len(args) > 1 else kwargs.get("key"), shapes[0])
    else:
        rule = find_view(operation)
        if rule is None:
            return None
        given = shapes if count > 1 else shapes[0]
        moves = rule(operation, given, tuple(call.outputs[0].shape))
    if moves is None:
        return None
    return moves if isinstance(moves, list) else [moves] * count


def _move(tracked: Tracked | None, moves: Mapping[int, Move | None]) -> Tracked | None:
    if tracked is None:
        return None
    move = moves.get(tracked.axis, Move(tracked.axis))
    if move is None:
        return None
    return Tracked(move.axis, tracked.first.after(move.first), tracked.last.after(move.last))


def _union(states: Sequence[Mapping[int, Tracked | None]]) -> tuple[State, bool]:
    """Returns what any of the branches sees, and whether around the same centre."""
    union, *others = map(dict, states)
    aligned = True
    for other in others:
        for axis, tracked in other.items():
            mine = union[axis]
            if mine is None or tracked is None:
                union[axis] = None
                continue
            if mine.axis != tracked.axis or mine.first.slope != tracked.first.slope:
                union[axis], aligned = None, False
                continue
            aligned = aligned and _centres(mine) == _centres(tracked)
            union[axis] = Tracked(
                mine.axis,
                mine.first.merged(tracked.first, min),
                mine.last.merged(tracked.last, max),
            )
    return union, aligned


def _centres(tracked: Tracked) -> list[Fraction]:
    """Returns the centre of what each position sees, averaged over one period."""
    positions = range(lcm(tracked.first.period, tracked.last.period))
    total = sum(tracked.first(o) + tracked.last(o) for o in positions)
    return [Fraction(total, 2 * len(positions)) - tracked.first.slope * (len(positions) - 1) / 2]
