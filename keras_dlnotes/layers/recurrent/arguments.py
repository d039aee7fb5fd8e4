"""Checks the arguments of the recurrent layers and cells by name."""

import keras
from keras import ops

from keras_dlnotes.common.checks import LARGEST, argument_error, integer, probability
from keras_dlnotes.ops.dtypes import real
from keras_dlnotes.ops.recurrent.activations import resolve_activation

_FROM_KERAS = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}


def check_cell(arguments: dict) -> None:
    """Raises where an argument of a cell's constructor is out of range or unknown."""
    integer("units", arguments["units"], 1, LARGEST)
    for name in arguments.keys() & {"dropout", "recurrent_dropout"}:
        probability(name, arguments[name])
    for name in arguments.keys() & {"activation", "recurrent_activation"}:
        resolve_activation(arguments[name], name)


def name_refused_argument(arguments: dict) -> None:
    """Raises for the argument that Keras has just refused, by its name.

    Not in advance: making an initializer to check it would take a seed from the generator.
    """
    for name, value in arguments.items():
        kind = name.rpartition("_")[2]
        if kind in _FROM_KERAS:
            try:
                _FROM_KERAS[kind].get(value)
            except (TypeError, ValueError) as error:
                expected = f"None, an object, or the name of one in keras.{kind}s"
                raise argument_error(name, expected, value) from error


def cast_real(name: str, tensor, dtype):
    """Returns a tensor of real numbers in the type that a layer computes in; refuses others."""
    return ops.cast(real(name, tensor), dtype)


def state_list(states) -> list:
    """The states as a list; a single one may be given without a list."""
    return list(states) if keras.tree.is_nested(states) else [states]
