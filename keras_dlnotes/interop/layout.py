"""Layouts of tensors in PyTorch relative to Keras: a network's unknowns, and their solution.

Both hold the same values, but PyTorch's feature maps have the channels first. Two things describe
the difference. The *axis order* of a tensor is the order in which PyTorch has Keras's axes, without
the batch: (2, 0, 1) for feature maps. The *permutation* of one axis is an array of indices:
the Keras entry at each index in PyTorch, as after flattening feature maps. Elementwise
operations change neither, so their tensors share both.
"""

from collections.abc import Iterable

import keras
import numpy as np


class Unknown(str):
    """Why a layout cannot be known."""


IDENTITY = "same"  # both frameworks have the same order


class Permutation:
    """The permutation of one axis: None while it is free, as for a `Dense` layer's outputs.

    Args:
        size: of the axis.
        value: an array, IDENTITY, Unknown or None.
        parts: permutations that are concatenated in this one.
        from_weights: whether a layer's weights determine it, so that a conflict is the layer's.
        sources: permutations that this one derives from; they become unknown on a conflict.
        why: the reason to give then.
        is_input: whether it is that of a model's input, which is never permuted.
    """

    def __init__(
        self,
        size,
        value=None,
        *,
        parts=(),
        from_weights=False,
        sources=(),
        why=None,
        is_input=False,
    ):
        self.size, self.value, self.from_weights = size, value, from_weights
        self.why, self.is_input = why, is_input
        self.parts, self.sources = list(parts), list(sources)
        self._link = None

    @property
    def root(self) -> "Permutation":
        order = self
        while order._link is not None:
            order = order._link
        return order

    def resolve(self):
        """Returns an array, IDENTITY, Unknown, or None while it is free."""
        root = self.root
        if not root.parts:
            return root.value
        values = [part.resolve() for part in root.parts]
        lost = next((value for value in values if isinstance(value, Unknown)), None)
        if lost or any(value is None for value in values):
            return lost
        if all(value is IDENTITY for value in values):
            return IDENTITY
        if any(part.size is None for part in root.parts):
            return Unknown("of joined features not all sizes are known")
        starts = np.cumsum([0, *(part.size for part in root.parts)])
        return np.concatenate(
            [
                start + (np.arange(part.size) if value is IDENTITY else value)
                for start, part, value in zip(starts, root.parts, values, strict=False)
            ]
        )

    def resolve_free(self):
        """Returns an array, IDENTITY or Unknown: what is still free is not permuted."""
        value = self.resolve()
        if value is None and self.root.parts:
            parts = [Permutation(part.size, part.resolve_free()) for part in self.root.parts]
            return Permutation(self.size, parts=parts).resolve()
        return IDENTITY if value is None else value

    def bind(self, value) -> Unknown | None:
        """Sets a free permutation; returns the reason if that is impossible."""
        root = self.root
        if root.parts:
            return root._bind_parts(value)
        if root.value is None:
            root.value = value
            return None
        if root.is_input or _equal(root.value, value):
            return None
        problem = root.why or Unknown("its features would need two orders at once")
        problem = next((v for v in (root.value, value) if isinstance(v, Unknown)), problem)
        if root.from_weights:
            root.value = problem
        for source in root.sources:
            source.bind(problem)
        return problem

    def _bind_parts(self, value):
        problems, start = [], 0
        for part in self.parts:
            own = value
            if isinstance(value, np.ndarray) and part.size is not None:
                own = value[start : start + part.size] - start
                if own.min() < 0 or own.max() >= part.size:
                    own = Unknown("features of several layers are mixed in maps")
                elif np.array_equal(own, np.arange(part.size)):
                    own = IDENTITY
            problems.append(part.bind(own))
            start += part.size or 0
        return next((problem for problem in problems if problem), None)

    def _become(self, other: "Permutation") -> None:
        self._link = other
        other.from_weights |= self.from_weights
        other.sources += self.sources

    def unify(self, other: "Permutation") -> Unknown | None:
        """Makes two permutations one; returns the reason if that is impossible."""
        one, two = self.root, other.root
        if one is two:
            return None
        if one.value is None and not one.parts:
            one._become(two)
        elif two.value is None and not two.parts:
            two._become(one)
        elif one.parts and [p.size for p in one.parts] == [p.size for p in two.parts]:
            problems = [a.unify(b) for a, b in zip(one.parts, two.parts, strict=True)]
            return next((problem for problem in problems if problem), None)
        elif one.parts:
            known = two.resolve()
            return (
                one.bind(known) if known is not None else Unknown("features are joined otherwise")
            )
        elif two.parts:
            return two.bind(one.value)
        elif not _equal(one.value, two.value):
            lost = [value for value in (one.value, two.value) if isinstance(value, Unknown)]
            return lost[0] if lost else Unknown("features in different orders are added")
        return None


def _equal(one, two) -> bool:
    if isinstance(one, str) or isinstance(two, str):
        return isinstance(one, str) and isinstance(two, str) and one == two
    return np.array_equal(one, two)


class AxisOrder:
    """The orders that a tensor's axes may have in PyTorch: one, or several."""

    def __init__(self, rank: int):
        self.rank = rank
        self._link: AxisOrder | None = None
        self._declared: set[tuple[int, ...]] = set()  # by a layer before or after the tensor
        self._inferred: set[tuple[int, ...]] = set()  # from other tensors, anew in each pass
        self._unknown: Unknown | None = None

    @property
    def root(self) -> "AxisOrder":
        axes = self
        while axes._link is not None:
            axes = axes._link
        return axes

    def declare(self, *orders) -> None:
        self.root._declared.update(orders)

    def infer(self, orders) -> None:
        self.root._inferred.update(orders)

    def mark_unknown(self, reason: Unknown | None) -> None:
        self.root._unknown = self.root._unknown or reason

    def reset(self) -> None:
        self._inferred, self._unknown = set(), None

    def unify(self, other: "AxisOrder") -> None:
        one, two = self.root, other.root
        if one is not two:
            two._link = one
            one._declared |= two._declared
            one._inferred |= two._inferred
            one._unknown = one._unknown or two._unknown

    @property
    def unknown(self) -> Unknown | None:
        return self.root._unknown

    @property
    def declared(self) -> set[tuple[int, ...]]:
        return set(self.root._declared)

    @property
    def is_known(self) -> bool:
        return bool(self.root._declared or self.root._inferred)

    @property
    def candidates(self) -> set[tuple[int, ...]]:
        """All orders that are possible. Images have channels first by default."""
        root = self.root
        return root._declared | root._inferred if self.is_known else {self.default}

    @property
    def default(self) -> tuple[int, ...]:
        if self.rank >= 3 and keras.config.image_data_format() == "channels_last":
            return channels_first(self.rank, self.rank - 1)
        return tuple(range(self.rank))


def channels_first(rank: int, axis: int) -> tuple[int, ...]:
    """Channels first, the other axes in their order."""
    return axis, *(other for other in range(rank) if other != axis)


def features_last(rank: int, axis: int) -> tuple[int, ...]:
    """Features last, the other axes in their order."""
    return *(other for other in range(rank) if other != axis), axis


class Tensor:
    """One tensor of the network, without the batch."""

    def __init__(self, shape: Iterable[int | None]):
        self.shape = tuple(shape)
        self.axes = AxisOrder(len(self.shape))
        self.permutations: list[Permutation] = []  # one for each axis, once inferred
        self.before = 0  # bit n is set if call n comes before

    @property
    def rank(self) -> int:
        return len(self.shape)

    def has_same_layout(self) -> bool:
        """Returns whether PyTorch has the axes in the same order."""
        return not self.axes.unknown and {
            self.squeezed(order) for order in self.axes.candidates
        } == {self.squeezed(range(self.rank))}

    def squeezed(self, axes: Iterable[int]) -> tuple[int, ...]:
        """Returns the axes without those of length 1, whose position does not matter."""
        return tuple(axis for axis in axes if self.shape[axis] != 1)

    def with_ones(self, axes: Iterable[int]) -> tuple[int, ...]:
        """The inverse of `squeezed`: axes of length 1 come last."""
        return *axes, *(axis for axis in range(self.rank) if self.shape[axis] == 1)

    def flattened_permutation(self, axes: Iterable[int] | None = None):
        """Returns the permutation of all values, flattened with Keras's axes in this order.

        An array, IDENTITY or Unknown.
        """
        if self.axes.unknown:
            return self.axes.unknown
        ours = self.squeezed(range(self.rank) if axes is None else axes)
        theirs = {self.squeezed(order) for order in self.axes.candidates}
        if theirs == {ours}:
            return IDENTITY
        if len(theirs) > 1:
            return Unknown(
                "PyTorch may have the axes in several orders where its maps or sequences of shape "
                f"{self.shape} are flattened"
            )
        sizes = [size for size in self.shape if size is not None]
        if len(sizes) < self.rank:
            return Unknown(f"of {self.shape} not all sizes are known")
        indices = np.arange(int(np.prod(sizes))).reshape([sizes[axis] for axis in ours])
        return indices.transpose([ours.index(axis) for axis in theirs.pop()]).reshape(-1)
