"""The state of a user's callbacks, such as the patience that an `EarlyStopping` has left.

A resumed run creates its callbacks anew, and Keras resets them when training begins. So what has
changed since then is saved with each checkpoint: the attributes made of numbers, texts, arrays and
functions of a module, such as the comparison that Keras chooses in the first epoch.
"""

import contextlib
import pickle
import types
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

PLAIN = (
    *(bool, int, float, complex, str, bytes, type(None), np.generic, np.ndarray),
    *(types.FunctionType, types.BuiltinFunctionType, np.ufunc),
)
KERAS_OWN = ("params", "_params", "model", "_model")


class CallbackStates:
    """Saves and restores the state of callbacks.

    >>> stopping = keras.callbacks.EarlyStopping()
    >>> states = CallbackStates([stopping])
    >>> states.begin()
    >>> stopping.wait = 3
    >>> content = states.content()
    >>> stopping.wait = 0
    >>> states.restore(content)
    >>> stopping.wait
    3
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]):
        self._callbacks = list(callbacks)
        self._first: list[dict[str, bytes]] = []

    def __len__(self) -> int:
        return len(self._callbacks)

    def begin(self) -> None:
        """Notes the state in which training begins."""
        self._first = [_state(entry) for entry in self._callbacks]

    def content(self) -> bytes:
        """Returns what has changed since."""
        changed = [
            {name: value for name, value in _state(entry).items() if first.get(name) != value}
            for entry, first in zip(self._callbacks, self._first, strict=True)
        ]
        return pickle.dumps(changed)

    def restore(self, content: bytes) -> None:
        """Restores what had changed in the process that saved it."""
        for entry, changed in zip(self._callbacks, pickle.loads(content), strict=False):
            for name, value in changed.items():
                setattr(entry, name, pickle.loads(value))


def _state(callback: keras.callbacks.Callback) -> dict[str, bytes]:
    found = {}
    for name, value in vars(callback).items():
        if name not in KERAS_OWN and _is_plain(value):
            with contextlib.suppress(
                pickle.PicklingError, AttributeError
            ):  # a function without name
                found[name] = pickle.dumps(value)
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    return isinstance(value, PLAIN) and getattr(value, "dtype", np.dtype(int)).kind != "O"
