"""Cuts a stream into windows: some steps of all rows, and the rows that start a sequence."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.training.arguments import is_real, weights_for_each
from keras_dlnotes.training.arrays import as_array, as_fed


class Window(NamedTuple):
    """Some steps of a stream; each array is (rows, steps, …)."""

    inputs: Any
    targets: Any
    starts: np.ndarray  # boolean (rows, steps), True at the first step of a new sequence
    weights: Any = None  # (rows, steps), in the structure of the targets, where there are any

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.starts.shape[1]

    def between(self, begin: int, end: int | None) -> "Window":
        """Returns the steps `begin` … `end` − 1."""
        return self._each(lambda array: array[:, begin:end])

    def followed_by(self, other: "Window") -> "Window":
        """Returns both windows, concatenated in time."""
        return self._each(lambda *arrays: np.concatenate(arrays, axis=1), other)

    def as_fed(self) -> "Window":
        """Returns the window as Keras feeds it."""
        return self._each(lambda array: as_fed("stream", array))

    def _each(self, function: Callable, *others: "Window") -> "Window":
        weighted = len(self) if self.weights is not None else -1
        parts = [tuple(window)[:weighted] for window in (self, *others)]
        return Window(*keras.tree.map_structure(function, *parts))


def windows(stream: Any, length: int) -> Iterator[Window]:
    """Yields the stream in windows of `length` steps, shorter before a new sequence and at the end.

    Arrays are read window by window, so they may be memory-mapped files; pieces shorter than a
    window are concatenated. In the first window all rows start.
    """
    rest, first = None, True
    for piece in _pieces(stream):
        rest = piece if rest is None else rest.followed_by(piece)
        while rest.steps >= length:
            window, rest = _cut(rest, length)
            yield _all_start(window.as_fed()) if first else window.as_fed()
            first = False
    while rest is not None and rest.steps:
        window, rest = _cut(rest, length)
        yield _all_start(window.as_fed()) if first else window.as_fed()
        first = False


def _cut(window: Window, length: int) -> tuple[Window, Window]:
    """Returns at most `length` steps, up to the next start of a sequence, and the rest."""
    within = np.flatnonzero(window.starts[:, 1:length].any(axis=0))
    end = int(within[0]) + 1 if len(within) else length
    return window.between(0, end), window.between(end, None)


def _all_start(window: Window) -> Window:
    starts = window.starts.copy()
    starts[:, 0] = True
    return window._replace(starts=starts)


def check_stream(stream) -> None:
    """Raises if the stream is invalid, as far as can be seen without reading it."""
    if isinstance(stream, str | bytes | Mapping) or not isinstance(stream, Iterable):
        expected = "(inputs, targets), an iterable of such pairs, or a function that returns one"
        raise argument_error("stream", expected, stream)
    pieces = [stream] if isinstance(stream, tuple) else stream
    if isinstance(pieces, list) and not sum(whole(piece).starts.size for piece in pieces):
        raise argument_error("stream", "of at least one step", stream)


def _pieces(stream) -> Iterator[Window]:
    pieces = stream() if callable(stream) else stream
    check_stream(pieces)
    if isinstance(pieces, tuple):
        pieces = [pieces]
    first = None
    for piece in pieces:
        window = whole(piece)
        shapes = keras.tree.map_structure(_without_steps, tuple(window))
        if shapes != (first := first or shapes):
            raise argument_error("stream", f"of arrays (rows, …) {first} throughout", shapes)
        yield window


def _without_steps(array) -> tuple[int, ...] | None:
    return None if array is None else (array.shape[0], *array.shape[2:])


def whole(piece: Any, name: str = "stream") -> Window:
    """Returns (inputs, targets, starts, sample weights), the last two optional, as one window."""
    if not isinstance(piece, tuple | list) or not 2 <= len(piece) <= 4:
        raise argument_error(name, "made of (inputs, targets, starts, sample weights)", piece)
    inputs, targets, starts, weights = (*piece, None, None)[:4]
    inputs, targets = keras.tree.map_structure(
        lambda array: _real(name, array), keras.tree.lists_to_tuples((inputs, targets))
    )
    shapes = [array.shape for array in keras.tree.flatten((inputs, targets))]
    if any(len(shape) < 2 or shape[:2] != shapes[0][:2] for shape in shapes):
        raise argument_error(name, "made of arrays (rows, steps, …) that agree in both", shapes)
    steps = shapes[0][:2]
    return Window(
        inputs, targets, _starts(name, starts, steps), _weights(name, weights, targets, steps)
    )


def _real(name: str, value: Any) -> np.ndarray:
    array = as_array(name, value)
    if not is_real(array):
        raise argument_error(name, "made of arrays of real numbers", str(array.dtype))
    return array


def _starts(name: str, starts: Any, steps: tuple[int, ...]) -> np.ndarray:
    if starts is None:
        return np.zeros(steps, bool)
    found = as_array(name, starts)
    if found.dtype != bool:
        expected = (
            "with starts that are booleans, or None; sample weights come after them: "
            "(inputs, targets, starts, sample weights)"
        )
        raise argument_error(name, expected, f"starts of {found.dtype}")
    if found.shape != steps:
        raise argument_error(name, f"with starts of shape {steps}", found.shape)
    return found


def _weights(name: str, weights: Any, targets: Any, steps: tuple[int, ...]) -> Any:
    if weights is None:
        return None
    weights = keras.tree.map_structure(
        lambda array: _real(name, array), keras.tree.lists_to_tuples(weights)
    )

    def spread(array):
        if array.shape not in (steps, steps[:1], (steps[0], 1)):
            expected = f"with sample weights of shape {steps} or {steps[:1]}"
            raise argument_error(name, expected, array.shape)
        return array if array.shape == steps else np.tile(array.reshape(-1, 1), steps[1])

    return keras.tree.map_structure(spread, weights_for_each(name, targets, weights))
