"""Where PyTorch has what Keras has at a place: the unknowns of one network, and their solution.

A Keras tensor and PyTorch's hold the same values, but PyTorch's maps have the channels first. Two
things tell them apart. The *arrangement* of a tensor says in which order PyTorch has Keras's axes
(the batch is left out): (2, 0, 1) for maps. The *order* of one axis says which of Keras's entries
PyTorch has at each place: an array of indices, which flattened maps have. What changes each value
in its place leaves both as they are, so its tensors share them.
"""

from collections.abc import Iterable

import keras
import numpy as np


class Lost(str):
    """Why an order cannot be known."""


SAME = "same"  # the order is the same in both


class Order:
    """The order of one axis: None while it is free, as that of a `Dense` layer's outputs.

    Args:
        size: of the axis.
        value: an array, SAME, Lost or None.
        parts: orders that lie behind each other in this one.
        owned: whether a layer's weights make the order, so that the layer errs where it does.
        sources: orders that this one goes back to; they are lost where it cannot be what it must.
        why: what to say then.
        given: whether it is that of an input, which lies as it lies.
    """

    def __init__(
        self, size, value=None, *, parts=(), owned=False, sources=(), why=None, given=False
    ):
        self.size, self.value, self.owned = size, value, owned
        self.why, self.given = why, given
        self.parts, self.sources = list(parts), list(sources)
        self._link = None

    @property
    def root(self) -> "Order":
        order = self
        while order._link is not None:
            order = order._link
        return order

    def known(self):
        """An array, SAME, Lost, or None where it is free."""
        root = self.root
        if not root.parts:
            return root.value
        values = [part.known() for part in root.parts]
        lost = next((value for value in values if isinstance(value, Lost)), None)
        if lost or any(value is None for value in values):
            return lost
        if all(value is SAME for value in values):
            return SAME
        if any(part.size is None for part in root.parts):
            return Lost("of joined features not all sizes are known")
        starts = np.cumsum([0, *(part.size for part in root.parts)])
        return np.concatenate(
            [
                start + (np.arange(part.size) if value is SAME else value)
                for start, part, value in zip(starts, root.parts, values, strict=False)
            ]
        )

    def settled(self):
        """An array, SAME or Lost: what is free stays as it is."""
        value = self.known()
        if value is None and self.root.parts:
            parts = [Order(part.size, part.settled()) for part in self.root.parts]
            return Order(self.size, parts=parts).known()
        return SAME if value is None else value

    def bind(self, value) -> Lost | None:
        """Gives a free order its value; returns why that is impossible, if it is."""
        root = self.root
        if root.parts:
            return root._bind_parts(value)
        if root.value is None:
            root.value = value
            return None
        if root.given or _equal(root.value, value):
            return None
        problem = root.why or Lost("its features have two orders at once")
        problem = next((v for v in (root.value, value) if isinstance(v, Lost)), problem)
        if root.owned:
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
                    own = Lost("features of several layers are mixed in maps")
                elif np.array_equal(own, np.arange(part.size)):
                    own = SAME
            problems.append(part.bind(own))
            start += part.size or 0
        return next((problem for problem in problems if problem), None)

    def _become(self, other: "Order") -> None:
        self._link = other
        other.owned |= self.owned
        other.sources += self.sources

    def unite(self, other: "Order") -> Lost | None:
        """Makes two orders one; returns why that is impossible, if it is."""
        one, two = self.root, other.root
        if one is two:
            return None
        if one.value is None and not one.parts:
            one._become(two)
        elif two.value is None and not two.parts:
            two._become(one)
        elif one.parts and [p.size for p in one.parts] == [p.size for p in two.parts]:
            problems = [a.unite(b) for a, b in zip(one.parts, two.parts, strict=True)]
            return next((problem for problem in problems if problem), None)
        elif one.parts:
            known = two.known()
            return one.bind(known) if known is not None else Lost("features are joined otherwise")
        elif two.parts:
            return two.bind(one.value)
        elif not _equal(one.value, two.value):
            lost = [value for value in (one.value, two.value) if isinstance(value, Lost)]
            return lost[0] if lost else Lost("features of different orders are added")
        return None


def _equal(one, two) -> bool:
    if isinstance(one, str) or isinstance(two, str):
        return isinstance(one, str) and isinstance(two, str) and one == two
    return np.array_equal(one, two)


class Arrangement:
    """What is known of the order of a tensor's axes: one, or several that are possible."""

    def __init__(self, rank: int):
        self.rank = rank
        self._link = None
        self._said: set[tuple[int, ...]] = set()  # by a layer that takes or makes the tensor
        self._followed: set[tuple[int, ...]] = set()  # from another tensor, found anew each time
        self._lost: Lost | None = None

    @property
    def root(self) -> "Arrangement":
        arrangement = self
        while arrangement._link is not None:
            arrangement = arrangement._link
        return arrangement

    def say(self, *orders) -> None:
        self.root._said.update(orders)

    def follow(self, orders) -> None:
        self.root._followed.update(orders)

    def lose(self, reason: Lost | None) -> None:
        self.root._lost = self.root._lost or reason

    def forget(self) -> None:
        self._followed, self._lost = set(), None

    def unite(self, other: "Arrangement") -> None:
        one, two = self.root, other.root
        if one is not two:
            two._link = one
            one._said |= two._said
            one._followed |= two._followed
            one._lost = one._lost or two._lost

    @property
    def lost(self) -> Lost | None:
        return self.root._lost

    @property
    def said(self) -> set[tuple[int, ...]]:
        return set(self.root._said)

    @property
    def is_told(self) -> bool:
        return bool(self.root._said or self.root._followed)

    @property
    def orders(self) -> set[tuple[int, ...]]:
        """All that are possible. Images have channels first where nothing says otherwise."""
        root = self.root
        return root._said | root._followed if self.is_told else {self.usual}

    @property
    def usual(self) -> tuple[int, ...]:
        if self.rank >= 3 and keras.config.image_data_format() == "channels_last":
            return first(self.rank, self.rank - 1)
        return tuple(range(self.rank))


def first(rank: int, axis: int) -> tuple[int, ...]:
    """Channels first, the other axes in their order."""
    return axis, *(other for other in range(rank) if other != axis)


def last(rank: int, axis: int) -> tuple[int, ...]:
    """Features last, the other axes in their order."""
    return *(other for other in range(rank) if other != axis), axis


class Tensor:
    """One tensor of the network, without the batch."""

    def __init__(self, shape: Iterable[int | None]):
        self.shape = tuple(shape)
        self.arrangement = Arrangement(len(self.shape))
        self.orders: list[Order] = []  # one an axis, once they are found
        self.before = 0  # bit n is set where call n comes before

    @property
    def rank(self) -> int:
        return len(self.shape)

    def lies_alike(self) -> bool:
        """Whether PyTorch has the very same tensor, as far as axes go."""
        return not self.arrangement.lost and {
            self.squeezed(order) for order in self.arrangement.orders
        } == {self.squeezed(range(self.rank))}

    def squeezed(self, axes: Iterable[int]) -> tuple[int, ...]:
        """Without the axes of length 1, whose place does not matter."""
        return tuple(axis for axis in axes if self.shape[axis] != 1)

    def with_ones(self, axes: Iterable[int]) -> tuple[int, ...]:
        """The inverse: axes of length 1 behind the others."""
        return *axes, *(axis for axis in range(self.rank) if self.shape[axis] == 1)

    def flattened(self, axes: Iterable[int] | None = None):
        """The order of all values in a row, where Keras has them in this order of its axes.

        Returns an array, SAME or Lost.
        """
        if self.arrangement.lost:
            return self.arrangement.lost
        ours = self.squeezed(range(self.rank) if axes is None else axes)
        theirs = {self.squeezed(order) for order in self.arrangement.orders}
        if theirs == {ours}:
            return SAME
        if len(theirs) > 1:
            return Lost(
                "PyTorch may have the axes in several orders where its maps or sequences of shape "
                f"{self.shape} are flattened"
            )
        if None in self.shape:
            return Lost(f"of {self.shape} not all sizes are known")
        places = np.arange(int(np.prod(self.shape))).reshape([self.shape[axis] for axis in ours])
        return places.transpose([ours.index(axis) for axis in theirs.pop()]).reshape(-1)
