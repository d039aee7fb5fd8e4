"""Checks of common arguments: models, arrays, callbacks."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error, choice
from keras_dlnotes.training.arrays import as_array

WEIGHTS_FOR_EACH = "with sample weights for each of the targets, or one for each example"


def built_model(value: Any) -> keras.Model:
    """Returns the model if it is built."""
    if not isinstance(value, keras.Model):
        raise argument_error("model", "a keras.Model", value)
    if not value.built:
        raise argument_error("model", "built", value.name, "Call it on a batch first")
    return value


def compiled_model(value: Any) -> keras.Model:
    """Returns the model if it is compiled, built or not."""
    if not isinstance(value, keras.Model):
        raise argument_error("model", "a keras.Model", value)
    if not value.compiled:
        raise argument_error("model", "compiled", value.name)
    return value


def verbosity(value: Any) -> str | int:
    """Returns the verbosity if Keras accepts it."""
    return choice("verbose", value, ("auto", 0, 1, 2))


def callback_list(value: Any) -> list[keras.callbacks.Callback]:
    """Returns the callbacks as a list, empty for None."""
    entries = [] if value is None else value
    if not isinstance(entries, Sequence) or not all(
        isinstance(entry, keras.callbacks.Callback) for entry in entries
    ):
        raise argument_error("callbacks", "a list of Keras's callbacks", value)
    return list(entries)


def rows(name: str, value: Any) -> tuple[Any, ...]:
    """Returns (inputs, targets, sample weights) as NumPy arrays of equally many examples, ≥ 1.

    The weights may be None; they and the targets may be missing.
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
    if len(arrays) < 3:
        return arrays
    inputs, targets, weights = arrays
    several = keras.tree.is_nested(targets) and not keras.tree.is_nested(weights)
    if several and weights.shape[1:] not in ((), (1,)):  # as in Keras
        raise argument_error(name, WEIGHTS_FOR_EACH, weights.shape)
    return inputs, targets, weights_for_each(name, targets, weights)


def weights_for_each(name: str, targets: Any, weights: Any) -> Any:
    """Returns sample weights in the structure of the targets; one array serves all of them."""
    if keras.tree.is_nested(targets) and not keras.tree.is_nested(weights):
        return keras.tree.map_structure(lambda _: weights, targets)
    structures = [
        keras.tree.map_structure(lambda _: None, keras.tree.lists_to_tuples(part))
        for part in (targets, weights)
    ]
    if structures[0] != structures[1]:
        shapes = keras.tree.map_structure(lambda array: tuple(array.shape), weights)
        raise argument_error(name, WEIGHTS_FOR_EACH, shapes)
    return weights


def as_arguments(arrays: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns (inputs, targets, sample weights) as arguments of `fit` and `evaluate`.

    Sample weights are passed by name, since the third positional argument is the batch size.

    >>> as_arguments(("inputs", "targets", "weights"))
    (('inputs', 'targets'), {'sample_weight': 'weights'})
    """
    return arrays[:2], {"sample_weight": arrays[2]} if len(arrays) > 2 else {}


def is_real(array: Any) -> bool:
    """Returns whether an array or tensor holds real numbers, integers or booleans."""
    try:
        dtype = keras.backend.standardize_dtype(array.dtype)
    except (AttributeError, TypeError, ValueError):
        return False
    return dtype == "bool" or "int" in dtype or "float" in dtype
