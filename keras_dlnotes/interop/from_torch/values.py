"""Tensors of a network under conversion: where PyTorch's axes lie in the Keras tensor.

An axis is a product of atoms, lengths that nothing has divided so far. To transpose, reshape,
flatten or unflatten regroups atoms and moves no data; an operation that needs its operand in some
order asks for it by `arranged`, which transposes where the order differs and not otherwise. An axis
of length 1 has no atoms.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras import ops

Size = Any  # an int, or a symbol of PyTorch's tracer for an open length


class UnsupportedError(Exception):
    """What a network needs, and the converter lacks."""


@dataclass(eq=False)
class Atom:
    """A length; another atom of the same length is another one.

    `zeros` has that many, for a length that is open and that a tensor is to be expanded to. `parts`
    are the two that the atom was divided into, for all values at once.
    """

    size: Size
    zeros: Any = None
    parts: "Atoms" = ()

    def divided(self, outer: Size) -> "Atoms":
        self.parts = Atom(outer), Atom(divide(self.size, outer))
        return self.parts


Atoms = tuple[Atom, ...]
Groups = tuple[Atoms, ...]


class Value:
    """A Keras tensor, the atoms of its dimensions, and those of PyTorch's axes."""

    def __init__(self, tensor, dims: Iterable[Atoms], axes: Iterable[Atoms]):
        self._tensor, self._dims, self._axes = tensor, tuple(dims), tuple(axes)

    @property
    def tensor(self):
        return self._tensor

    @property
    def dims(self) -> Groups:
        return tuple(map(_undivided, self._dims))

    @property
    def axes(self) -> Groups:
        return tuple(map(_undivided, self._axes))

    @property
    def shape(self) -> tuple[Size, ...]:
        """PyTorch's shape."""
        return tuple(map(size_of, self.axes))

    @property
    def rank(self) -> int:
        return len(self._axes)

    @property
    def stored(self) -> Atoms:
        return flat(self.dims)

    def with_tensor(self, tensor) -> "Value":
        """The same layout of another tensor."""
        return Value(tensor, self.dims, self.axes)

    def with_axes(self, axes: Iterable[Atoms]) -> "Value":
        return Value(self.tensor, self.dims, axes)

    def with_rank(self, rank: int) -> "Value":
        """The value with axes of length 1 in front."""
        return self.with_axes(((),) * (rank - self.rank) + self.axes)

    def with_axis(self, axis: int, place: int, atoms: Atoms) -> "Value":
        """The value with other atoms for an axis, which is a dimension."""
        dims, axes = list(self.dims), list(self.axes)
        dims[place] = axes[axis] = atoms
        return Value(self.tensor, dims, axes)

    def renamed(self, by: Mapping[Atom, Atom]) -> "Value":
        def change(groups):
            return [tuple(by.get(atom, atom) for atom in group) for group in groups]

        return Value(self.tensor, change(self.dims), change(self.axes))

    def arranged(self, dims: Iterable[Atoms]) -> "Value":
        """The value with these dimensions, which hold all its atoms."""
        dims = tuple(map(tuple, dims))
        wanted, value = flat(dims), self
        for atom in wanted:
            value = value if atom in self.stored else value._expanded(atom)
        if wanted != value.stored:
            runs = _runs(value.stored, wanted)
            order = sorted(range(len(runs)), key=lambda n: wanted.index(runs[n][0]))
            tensor = ops.transpose(value._reshaped(runs).tensor, order)
            value = Value(tensor, (runs[n] for n in order), self.axes)
        return value._reshaped(dims)

    def _expanded(self, atom: Atom) -> "Value":
        """The value with an atom that its axes had and its tensor had not, stored first."""
        tensor = ops.expand_dims(self.tensor, 0)
        if atom.zeros is not None:
            zeros = ops.reshape(atom.zeros, (-1, *(1,) * len(self.dims)))
            tensor = ops.add(tensor, ops.cast(zeros, tensor.dtype))
        elif isinstance(atom.size, int):
            tensor = ops.repeat(tensor, atom.size, axis=0)
        else:
            raise UnsupportedError(f"an expansion to {atom.size}")
        return Value(tensor, ((atom,), *self.dims), self.axes)

    def separated(self, *groups: Iterable[Atom]) -> "Value":
        """The value with dimensions that lie wholly within each group, or wholly outside of it."""
        sets = [set(group) for group in groups]

        def key(atom):
            return [atom in group for group in sets]

        parts = (itertools.groupby(dim, key) if dim else [((), ())] for dim in self.dims)
        return self._reshaped(tuple(tuple(atoms) for part in parts for _, atoms in part))

    def parted(self, atoms: Iterable[Atom]) -> "tuple[Value, list[int]]":
        """The value with dimensions of these atoms, all of which it stores, and their numbers."""
        atoms = tuple(atoms)
        copies = [(atom,) for atom in atoms if atom not in self.stored]
        value = self.arranged((*copies, *self.dims)).separated(atoms)
        return value, [n for n, dim in enumerate(value.dims) if dim and set(dim) <= {*atoms}]

    def one_dim(self, axis: int) -> "tuple[Value, int]":
        """The value with one dimension that holds this axis alone, and its number."""
        atoms = self.axes[axis]
        value, found = self.parted(atoms)
        place = found[0] if found else len(value.dims)
        rest = [dim for n, dim in enumerate(value.dims) if n not in found]
        return value.arranged((*rest[:place], atoms, *rest[place:])), place

    def _reshaped(self, dims: Groups) -> "Value":
        tensor, before = self.tensor, self.dims
        if [dim for dim in before if dim] != [dim for dim in dims if dim]:
            lengths = [size if isinstance(size, int) else -1 for size in map(size_of, dims)]
            if lengths.count(-1) > 1:
                raise UnsupportedError(f"reshape to {tuple(str(size_of(dim)) for dim in dims)}")
            tensor = ops.reshape(tensor, lengths)
        elif dims != before:  # ones come or go
            if ones := [n for n, dim in enumerate(before) if not dim]:
                tensor = ops.squeeze(tensor, ones)
            for place in (n for n, dim in enumerate(dims) if not dim):
                tensor = ops.expand_dims(tensor, place)
        return Value(tensor, dims, self.axes)


def atoms_of(size: Size) -> Atoms:
    return () if isinstance(size, int) and size == 1 else (Atom(size),)


def flat(groups: Iterable[Atoms]) -> Atoms:
    return tuple(atom for group in groups for atom in group)


def size_of(atoms: Atoms) -> Size:
    return math.prod(atom.size for atom in atoms)


def _undivided(atoms: Iterable[Atom]) -> Atoms:
    return flat(_undivided(atom.parts) if atom.parts else (atom,) for atom in atoms)


def _runs(stored: Atoms, wanted: Atoms) -> Groups:
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


def viewed(value: Value, shape: Sequence[Size]) -> Value:
    """`value.view(shape)`: the atoms regrouped, without moving data where they divide."""
    atoms, axes = flat(value.axes), []
    for size in shape:
        taken: Atoms = ()
        while not (isinstance(size, int) and size == 1):
            if not atoms:
                return _copied(value, shape)
            (atom, *rest), left = atoms, divide(size, atoms[0].size)
            if left is None:
                if divide(atom.size, size) is None:
                    return _copied(value, shape)
                (atom, more), left = atom.divided(size), 1
                rest.insert(0, more)
            taken, atoms, size = (*taken, atom), tuple(rest), left
        axes.append(taken)
    return value.with_axes(axes) if not atoms else _copied(value, shape)


def _copied(value: Value, shape: Sequence[Size]) -> Value:
    """The same where an old and a new axis overlap in part: by the data in PyTorch's order."""
    axes = tuple(map(atoms_of, shape))
    return value.arranged(value.axes)._reshaped(axes).with_axes(axes)


def unified(values: Iterable[Value]) -> list[Value]:
    """The values with one rank, and with the same atoms where their axes are equally long."""
    values = list(values)
    rank = max(value.rank for value in values)
    values = [value.with_rank(rank) for value in values]
    for axis in range(rank):
        first, *others = [value for value in values if value.axes[axis]] or [values[0]]
        # twice: the last of them may divide the first once more
        alike = [_divided_alike(first.axes[axis], one.axes[axis]) for one in others * 2]
        if not all(alike):  # they overlap in part: a dimension of its own for the axis in each
            (whole,) = atoms_of(size_of(first.axes[axis]))
            for n, value in enumerate(values):
                if value.axes[axis]:
                    value, place = value.one_dim(axis)
                    values[n] = value.with_axis(axis, place, (whole,))
    # new ones, as what lies along one axis of a value may lie along another of the next
    common = [tuple(map(replace, atoms)) for atoms in joined(values)]
    found = []
    for value in values:
        new = (atoms for own, atoms in zip(value.axes, common, strict=True) if own)
        found.append(value.renamed(dict(zip(flat(value.axes), flat(new), strict=True))))
    return found


def _divided_alike(one: Atoms, two: Atoms) -> bool:
    """Divides the atoms of two equally long axes alike; whether that can be done."""
    while one and two:
        (left, *more), (right, *rest) = one, two
        if divide(left.size, right.size) != 1:
            if divide(right.size, left.size) is not None:
                rest.insert(0, right.divided(left.size)[1])
            elif divide(left.size, right.size) is not None:
                more.insert(0, left.divided(right.size)[1])
            else:
                return False
        one, two = _undivided(more), _undivided(rest)
    return not one and not two


def joined(values: Sequence[Value]) -> Groups:
    """The axes of what is made of unified values."""
    pairs = zip(*(value.axes for value in values), strict=True)
    return tuple(next(filter(None, axes), ()) for axes in pairs)


def together(values: Iterable[Value]) -> tuple[list[Any], list[Atoms], Groups]:
    """The tensors of values, ready to be broadcast, and the dims and axes of the result."""
    values = unified(values)
    base = max(values, key=lambda value: len(value.stored))
    base = base.separated(*(value.stored for value in values if value is not base))
    dims = [dim for dim in base.dims if dim]
    more = dict.fromkeys(atom for value in values for atom in value.stored)
    dims += [(atom,) for atom in more if atom not in base.stored]
    tensors = []
    for value in values:
        held = set(value.stored)
        tensors.append(value.arranged(dim if set(dim) <= held else () for dim in dims).tensor)
    return tensors, dims, joined(values)
