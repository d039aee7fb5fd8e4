"""Where the inputs of each output begin or end along one axis, as a function of its position.

Layers that slide a window repeat: P outputs further, their inputs lie R positions further. So the
first P values determine the function,

    f(o + P) = f(o) + R

A convolution of stride s has P = 1 and R = s, its transpose P = s and R = 1. Such functions compose
and merge exactly, in whatever order strides go down and up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Self


@dataclass(frozen=True)
class Progression:
    """A non-decreasing function of the positions o = …, −1, 0, 1, …

    Args:
        values: f(0), …, f(P−1).
        rise: R, the rise over P positions.

    >>> halves = Progression((0, 0), 1)
    >>> [halves(position) for position in range(-2, 4)]
    [-1, -1, 0, 0, 1, 1]
    """

    values: tuple[int, ...]
    rise: int

    @classmethod
    def linear(cls, slope: int, start: int = 0) -> Self:
        """Returns f(o) = slope·o + start."""
        return cls((start,), slope)

    @property
    def period(self) -> int:
        """P, the number of positions after which it repeats."""
        return len(self.values)

    @property
    def slope(self) -> Fraction:
        """R/P, the mean rise from one position to the next."""
        return Fraction(self.rise, self.period)

    def __call__(self, position: int) -> int:
        periods, rest = divmod(position, self.period)
        return self.values[rest] + periods * self.rise

    def after(self, inner: "Progression") -> "Progression":
        """Returns o → self(inner(o)).

        >>> Progression.linear(2, 1).after(Progression.linear(3))
        Progression(values=(1,), rise=6)
        """
        repeats = self.period // gcd(self.period, inner.rise) if inner.rise else 1
        period = repeats * inner.period
        return _shortest(lambda o: self(inner(o)), period, self.slope * inner.slope)

    def merged(self, other: "Progression", choose: Callable) -> "Progression":
        """Returns the pointwise min or max (`choose`) of two progressions with the same slope."""
        period = lcm(self.period, other.period)
        return _shortest(lambda o: choose(self(o), other(o)), period, self.slope)


def _shortest(function: Callable[[int], int], period: int, slope: Fraction) -> Progression:
    """Returns the function as a progression with the shortest period."""
    values = tuple(map(function, range(period)))
    for shorter in range(1, period + 1):
        rise = slope * shorter
        if period % shorter == 0 and rise.denominator == 1:
            candidate = Progression(values[:shorter], int(rise))
            if all(candidate(position) == values[position] for position in range(period)):
                return candidate
    raise AssertionError("a progression repeats after its own period")
