"""Checks of what the functions of this part take in common: models, arrays, callbacks."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_dlnotes.checks import argument_error, choice
from keras_dlnotes.training.arrays import as_array


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
    """Returns (inputs, targets, sample weights) as NumPy's arrays of the same examples, ≥ 1.

    The weights may be None or missing, and the targets, too.
    """
    if not isinstance(value, tuple | list) or not 1 <= len(value) <= 3:
        raise argument_error(name, "made of (inputs, targets) or (inputs, targets, weights)", value)
    if len(value) == 3 and value[2] is None:
        value = value[:2]
    arrays = keras.tree.map_structure(lambda entry: as_array(name, entry), tuple(value))
    lengths = {len(array) for array in keras.tree.flatten(arrays)}
    if len(lengths) != 1:
        raise argument_error(name, "arrays of one length", sorted(lengths))
    if lengths == {0}:
        raise argument_error(name, "arrays of at least one example", 0)
    return _with_weights_for_each(name, *arrays) if len(arrays) == 3 else arrays


def _with_weights_for_each(name: str, inputs: Any, targets: Any, weights: Any) -> tuple[Any, ...]:
    """Gives several targets the weights of each; as in Keras, one weight an example is for all."""
    if not keras.tree.is_nested(targets):
        fits = not keras.tree.is_nested(weights)
    elif not keras.tree.is_nested(weights):
        fits = weights.shape[1:] in ((), (1,))
        weights = keras.tree.map_structure(lambda _: weights, targets)
    else:
        structures = [
            keras.tree.map_structure(lambda _: None, keras.tree.lists_to_tuples(part))
            for part in (targets, weights)
        ]
        fits = structures[0] == structures[1]
    if not fits:
        expected = "with sample weights for each of the targets, or one an example for all of them"
        raise argument_error(name, expected, keras.tree.map_structure(np.shape, weights))
    return inputs, targets, weights


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
