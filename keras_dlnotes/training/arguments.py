"""Checks of what the functions of this part take in common: models, arrays, callbacks."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_dlnotes.checks import argument_error, choice


def built_model(value: Any) -> keras.Model:
    """Returns a model that is built."""
    if not isinstance(value, keras.Model):
        raise argument_error("model", "a keras.Model", value)
    if not value.built:
        raise argument_error("model", "built", value.name, "Call it on a batch first")
    return value


def compiled_model(value: Any) -> keras.Model:
    """Returns a model that is compiled, whether or not it is built."""
    if not isinstance(value, keras.Model):
        raise argument_error("model", "a keras.Model", value)
    if not value.compiled:
        raise argument_error("model", "compiled", value.name)
    return value


def verbosity(value: Any) -> str | int:
    """Returns how much is to be shown, as Keras takes it."""
    return choice("verbose", value, ("auto", 0, 1, 2))


def callback_list(value: Any) -> list[keras.callbacks.Callback]:
    """Returns the callbacks as a list; None stands for none."""
    entries = [] if value is None else value
    if not isinstance(entries, Sequence) or not all(
        isinstance(entry, keras.callbacks.Callback) for entry in entries
    ):
        raise argument_error("callbacks", "a list of Keras's callbacks", value)
    return list(entries)


def rows(name: str, value: Any) -> tuple[Any, ...]:
    """Returns (inputs, targets, …) with each array as NumPy's, all with the same examples ≥ 1.

    NumPy's arrays stay as they are, so they may be memory-mapped files. Others are converted: the
    rows of a table of pandas would be found by their labels, not by their places.
    """
    if not isinstance(value, tuple | list) or not value:
        raise argument_error(name, "made of (inputs, targets, …)", value)
    arrays = keras.tree.map_structure(lambda entry: _array(name, entry), tuple(value))
    lengths = {len(array) for array in keras.tree.flatten(arrays)}
    if len(lengths) != 1:
        raise argument_error(name, "arrays of one length", sorted(lengths))
    if lengths == {0}:
        raise argument_error(name, "arrays of at least one example", 0)
    return arrays


def _array(name: str, value: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        is_tensor = keras.ops.is_tensor(value)
        value = keras.ops.convert_to_numpy(value) if is_tensor else np.asarray(value)
    if not value.ndim:
        raise argument_error(name, "made of arrays with an example a row", value[()])
    if value.dtype == object and not all(isinstance(entry, str | bytes) for entry in value.flat):
        raise argument_error(name, "made of arrays of numbers or texts", "one of objects")
    return value


def as_arguments(arrays: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns how `fit` and `evaluate` take (inputs, targets, sample weights): by place, by name.

    What they take by the third place is the batch size.

    >>> as_arguments(("inputs", "targets", "weights"))
    (('inputs', 'targets'), {'sample_weight': 'weights'})
    """
    return arrays[:2], {"sample_weight": arrays[2]} if len(arrays) > 2 else {}


def is_real(array: Any) -> bool:
    """Tells whether an array or tensor holds real numbers, integers or booleans."""
    try:
        dtype = keras.backend.standardize_dtype(array.dtype)
    except (AttributeError, TypeError, ValueError):
        return False
    return dtype == "bool" or "int" in dtype or "float" in dtype
