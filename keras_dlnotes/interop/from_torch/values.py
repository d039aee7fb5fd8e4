"""Tensors of a network under conversion: where PyTorch's axes lie in the Keras tensor.

An axis is a product of atoms, lengths that nothing has divided so far. To transpose, reshape,
flatten or unflatten regroups atoms and moves no data; an operation that needs its operand in some
order asks for it by `arranged`, which transposes where the order differs and not otherwise. An axis
of length 1 has no atoms.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

Size = Any  # an int, or a symbol of PyTorch's tracer for an open length


class UnsupportedError(Exception):
    """What a network needs, and the converter lacks."""


@dataclass(eq=False)
class Atom:
    """A length; another atom of the same length is another one.

    `zeros` has that many, for a length that is open and that a tensor is to be expanded to.
    """

    size: Size
    zeros: Any = None


Atoms = tuple[Atom, ...]


@dataclass(eq=False)
class Value:
    """A Keras tensor, the atoms of its dimensions, and those of PyTorch's axes."""

    tensor: Any
    dims: tuple[Atoms, ...]
    axes: tuple[Atoms, ...]

    @property
    def shape(self) -> tuple[Size, ...]:
        """PyTorch's shape."""
        return tuple(size_of(axis) for axis in self.axes)

    @property
    def rank(self) -> int:
        return len(self.axes)

    @property
    def stored(self) -> Atoms:
        return flat(self.dims)

    def axis(self, number: int) -> int:
        return number % len(self.axes)

    def with_tensor(self, tensor) -> "Value":
        """The same layout of another tensor."""
        return Value(tensor, self.dims, self.axes)

    def with_axes(self, axes: Iterable[Atoms]) -> "Value":
        return Value(self.tensor, self.dims, tuple(axes))

    def arranged(self, dims: Sequence[Atoms]) -> "Value":
        """The value with these dimensions, which hold all its atoms."""
        wanted, value = flat(dims), self
        for atom in set(wanted) - set(self.stored):
            value = value._expanded(atom)
        if wanted != value.stored:
            runs = _runs(value.stored, wanted)
            order = sorted(range(len(runs)), key=lambda n: wanted.index(runs[n][0]))
            value = value._reshaped(runs)
            tensor = ops.transpose(value.tensor, order)
            value = Value(tensor, tuple(runs[n] for n in order), self.axes)
        return value._reshaped(tuple(map(tuple, dims)))

    def _expanded(self, atom: Atom) -> "Value":
        """The value with an atom that its axes had and its tensor had not, stored first."""
        tensor = ops.expand_dims(self.tensor, 0)
        if atom.zeros is None and not isinstance(atom.size, int):
            raise FixedSizeError(f"an expansion to {atom.size}")
        if atom.zeros is None:
            tensor = ops.repeat(tensor, atom.size, axis=0)
        else:
            zeros = ops.reshape(atom.zeros, (-1, *(1,) * len(self.dims)))
            tensor = ops.add(tensor, ops.cast(zeros, tensor.dtype))
        return Value(tensor, ((atom,), *self.dims), self.axes)

    def separated(self, *groups: Atoms) -> "Value":
        """The value with dimensions that lie wholly within each group, or wholly outside of it."""

        def key(atom):
            return tuple(atom in group for group in groups)

        parts = (itertools.groupby(dim, key) if dim else [((), ())] for dim in self.dims)
        return self._reshaped(tuple(tuple(atoms) for part in parts for _, atoms in part))

    def one_dim(self, axis: int) -> "tuple[Value, int]":
        """The value with one dimension that holds this axis alone, and its number."""
        atoms = self.axes[axis]
        if not atoms:
            return self._reshaped((*self.dims, ())), len(self.dims)
        value = self.separated(atoms)
        found = value.dims_within(atoms)
        rest = [dim for n, dim in enumerate(value.dims) if n not in found]
        place = found[0] if found else 0
        return value.arranged((*rest[:place], atoms, *rest[place:])), place

    def dims_within(self, atoms: Iterable[Atom]) -> list[int]:
        """The dimensions of which all atoms are among these; of length 1 none."""
        inside = set(atoms)
        return [n for n, dim in enumerate(self.dims) if dim and set(dim) <= inside]

    def _reshaped(self, dims: tuple[Atoms, ...]) -> "Value":
        if dims == self.dims:
            return self
        if [dim for dim in self.dims if dim] == [dim for dim in dims if dim]:  # ones come or go
            tensor = self.tensor
            ones = [n for n, dim in enumerate(self.dims) if not dim]
            if ones:
                tensor = ops.squeeze(tensor, ones)
            new = [n for n, dim in enumerate(dims) if not dim]
            for place in new:
                tensor = ops.expand_dims(tensor, place)
            return Value(tensor, dims, self.axes)
        return Value(reshaped(self.tensor, [size_of(dim) for dim in dims]), dims, self.axes)


class FixedSizeError(UnsupportedError):
    """What works for images of one size alone."""


def reshaped(tensor, sizes: Sequence[Size]):
    """The tensor with dimensions of these sizes, of which one may be open."""
    open_sizes = [n for n, size in enumerate(sizes) if not isinstance(size, int)]
    if len(open_sizes) > 1:
        raise FixedSizeError(f"reshape to {tuple(map(str, sizes))}")
    return ops.reshape(tensor, [-1 if n in open_sizes else size for n, size in enumerate(sizes)])


def new(tensor, sizes: Sequence[Size], order: Sequence[int] | None = None) -> Value:
    """A value of fresh atoms: its dimension n is PyTorch's axis order[n]."""
    axes = tuple(atoms_of(size) for size in sizes)
    order = range(len(axes)) if order is None else order
    return Value(tensor, tuple(axes[n] for n in order), axes)


def atoms_of(size: Size) -> Atoms:
    return () if isinstance(size, int) and size == 1 else (Atom(size),)


def flat(groups: Iterable[Atoms]) -> Atoms:
    return tuple(atom for group in groups for atom in group)


def size_of(atoms: Atoms) -> Size:
    return math.prod(atom.size for atom in atoms)


def _runs(stored: Atoms, wanted: Atoms) -> tuple[Atoms, ...]:
    """The longest parts that lie in one piece in both orders."""
    following = dict(itertools.pairwise(wanted))
    runs: list[list[Atom]] = []
    for atom in stored:
        if runs and following.get(runs[-1][-1]) is atom:
            runs[-1].append(atom)
        else:
            runs.append([atom])
    return tuple(map(tuple, runs))


def divide(size: Size, by: Size) -> Size | None:
    """size / by, or None where it is no whole number."""
    if isinstance(size, int) and isinstance(by, int):
        return size // by if by and size % by == 0 else None
    quotient = (size / by).simplify()  # of sympy, as one of them is a symbol
    if quotient.is_Integer:
        return int(quotient)
    return quotient if quotient.as_numer_denom()[1] == 1 else None


def split_atom(value: Value, atom: Atom, outer: Size) -> Value:
    """The value with one atom divided in two."""
    return replaced(value, {atom: (Atom(outer), Atom(divide(atom.size, outer)))})


def replaced(value: Value, by: dict[Atom, Atoms]) -> Value:
    """The value with other atoms in place of some."""

    def change(groups):
        return tuple(tuple(a for atom in group for a in by.get(atom, (atom,))) for group in groups)

    return Value(value.tensor, change(value.dims), change(value.axes))


def viewed(value: Value, shape: Sequence[Size]) -> Value:
    """`value.view(shape)`: the atoms regrouped, without moving data where they divide."""
    atoms = list(flat(value.axes))
    axes: list[Atoms] = []
    for size in shape:
        taken: list[Atom] = []
        rest = size
        while not (isinstance(rest, int) and rest == 1):
            if not atoms:
                return _copied(value, shape)
            atom = atoms.pop(0)
            left = divide(rest, atom.size)
            if left is None:
                if divide(atom.size, rest) is None:
                    return _copied(value, shape)
                value = split_atom(value, atom, rest)
                # the two atoms that now stand where the one stood
                flattened = flat(value.axes)
                start = len(flattened) - len(atoms) - 2
                atom, more = flattened[start : start + 2]
                atoms.insert(0, more)
                left = 1
            taken.append(atom)
            rest = left
        axes.append(tuple(taken))
    return value.with_axes(axes) if not atoms else _copied(value, shape)


def _copied(value: Value, shape: Sequence[Size]) -> Value:
    """The same where an old and a new axis overlap in part: by the data in PyTorch's order."""
    return new(reshaped(value.arranged(value.axes).tensor, shape), shape)


def unified(values: Sequence[Value]) -> list[Value]:
    """The values with one rank, and with the same atoms where their axes are equally long."""
    rank = max(value.rank for value in values)
    values = [value.with_axes(((),) * (rank - value.rank) + value.axes) for value in values]
    for axis in range(rank):
        first = next((n for n, value in enumerate(values) if value.axes[axis]), None)
        for n in range(len(values)):
            if first is not None and n != first and values[n].axes[axis]:
                for m in range(len(values)):  # whatever was split before, once more
                    if m != n and values[m].axes[axis]:
                        values[m], values[n] = _refined(values[m], values[n], axis)
    for n in range(1, len(values)):
        renamed: dict[Atom, Atoms] = {}
        others = {atom for value in values[:n] for atom in flat(value.axes)}
        for axis in range(rank):
            like = next((v.axes[axis] for v in values[:n] if v.axes[axis]), ())
            own = values[n].axes[axis]
            if like and own:
                renamed |= {atom: (other,) for atom, other in zip(own, like, strict=True)}
            elif own:  # an atom that lies along another axis of the others is another one here
                renamed |= {atom: (Atom(atom.size, atom.zeros),) for atom in own if atom in others}
        values[n] = replaced(values[n], renamed)
    return values


def _refined(one: Value, two: Value, axis: int) -> tuple[Value, Value]:
    """Both values, an axis of equal length divided alike."""
    place = 0
    while place < max(len(one.axes[axis]), len(two.axes[axis])):
        left, right = one.axes[axis][place], two.axes[axis][place]
        if divide(left.size, right.size) == 1:
            place += 1
        elif divide(right.size, left.size) is not None:
            two = split_atom(two, right, left.size)
        elif divide(left.size, right.size) is not None:
            one = split_atom(one, left, right.size)
        else:
            return _merged(one, axis), _merged(two, axis)
    return one, two


def _merged(value: Value, axis: int) -> Value:
    """The value with one atom for an axis."""
    value, place = value.one_dim(axis)
    atom = (Atom(size_of(value.axes[axis])),)
    dims, axes = list(value.dims), list(value.axes)
    dims[place] = axes[axis] = atom
    return Value(value.tensor, tuple(dims), tuple(axes))


def together(values: Sequence[Value]) -> tuple[list[Any], tuple[Atoms, ...], tuple[Atoms, ...]]:
    """The tensors of values, ready to be broadcast, and the dims and axes of the result."""
    values = unified(values)
    base = max(values, key=lambda value: len(value.stored))
    more = dict.fromkeys(atom for value in values for atom in value.stored)
    base = base.separated(*(value.stored for value in values if value is not base))
    dims = [dim for dim in base.dims if dim]
    dims += [(atom,) for atom in more if atom not in base.stored]
    tensors = []
    for value in values:
        held = set(value.stored)
        tensors.append(value.arranged([dim if set(dim) <= held else () for dim in dims]).tensor)
    axes = tuple(
        next((value.axes[axis] for value in values if value.axes[axis]), ())
        for axis in range(values[0].rank)
    )
    return tensors, tuple(dims), axes
