"""A stream in windows: some steps of all rows, and which rows start a new sequence there."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_dlnotes.checks import argument_error
from keras_dlnotes.training.arguments import is_real


class Window(NamedTuple):
    """Some steps of a stream; each array is (rows, steps, …)."""

    inputs: Any
    targets: Any
    starts: np.ndarray  # boolean (rows, steps), True at the first step of a new sequence

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return self.starts.shape[1]

    def between(self, begin: int, end: int | None) -> "Window":
        """The steps `begin` … `end` − 1."""
        return Window(*keras.tree.map_structure(lambda array: array[:, begin:end], tuple(self)))

    def followed_by(self, other: "Window") -> "Window":
        """Both, one after the other."""
        return Window(
            *keras.tree.map_structure(
                lambda *arrays: np.concatenate(arrays, axis=1), tuple(self), tuple(other)
            )
        )


def windows(stream: Any, length: int) -> Iterator[Window]:
    """Yields the stream in windows of `length` steps, shorter before a new sequence and at the end.

    Arrays are read window by window, so they may be memory-mapped files; pieces that are shorter
    than a window are put together. In the first window all rows start.
    """
    rest, first = None, True
    for piece in _pieces(stream):
        rest = piece if rest is None else rest.followed_by(piece)
        while rest.steps >= length:
            window, rest = _cut(rest, length)
            yield _all_start(window) if first else window
            first = False
    while rest is not None and rest.steps:
        window, rest = _cut(rest, length)
        yield _all_start(window) if first else window
        first = False


def _cut(window: Window, length: int) -> tuple[Window, Window]:
    """At most `length` steps in whose midst no sequence starts, and the rest."""
    within = np.flatnonzero(window.starts[:, 1:length].any(axis=0))
    end = int(within[0]) + 1 if len(within) else length
    return window.between(0, end), window.between(end, None)


def _all_start(window: Window) -> Window:
    starts = window.starts.copy()
    starts[:, 0] = True
    return window._replace(starts=starts)


def check_stream(stream) -> None:
    """Raises where the stream is none, as far as that can be told without reading it."""
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
    rows = None
    for piece in pieces:
        window = whole(piece)
        if rows not in (None, window.starts.shape[0]):
            raise argument_error("stream", f"of {rows} rows throughout", window.starts.shape[0])
        rows = window.starts.shape[0]
        yield window


def whole(piece) -> Window:
    """Returns (inputs, targets) or (inputs, targets, starts) as one window, checked."""
    if not isinstance(piece, tuple | list) or len(piece) not in (2, 3):
        expected = "made of (inputs, targets) or (inputs, targets, starts)"
        raise argument_error("stream", expected, piece)
    inputs, targets, *starts = piece
    arrays = keras.tree.flatten((inputs, targets))
    if not all(map(is_real, arrays)):
        raise argument_error("stream", "made of arrays of real numbers", piece)
    shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
    if any(len(shape) < 2 or shape[:2] != shapes[0][:2] for shape in shapes):
        raise argument_error("stream", "made of arrays (rows, steps, …) that agree in both", shapes)
    if not starts:
        return Window(inputs, targets, np.zeros(shapes[0][:2], bool))
    found = np.asarray(starts[0])
    if found.shape != shapes[0][:2]:
        raise argument_error("stream", f"with starts of shape {shapes[0][:2]}", found.shape)
    if not is_real(found) or not np.isin(found, (0, 1)).all():
        raise argument_error("stream", "with starts that are booleans", f"those of {found.dtype}")
    return Window(inputs, targets, found.astype(bool))
