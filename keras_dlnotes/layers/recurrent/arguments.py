"""What the recurrent layers and cells are given, checked by name before anything is computed."""

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


def name_what_keras_refused(arguments: dict) -> None:
    """Raises, after Keras has, for the argument whose value Keras does not know.

    Not before: an initializer that is made for a look takes a seed from the generator.
    """
    for name, value in arguments.items():
        kind = name.rpartition("_")[2]
        if kind in _FROM_KERAS:
            try:
                _FROM_KERAS[kind].get(value)
            except (TypeError, ValueError) as error:
                expected = f"None, an object, or the name of one in keras.{kind}s"
                raise argument_error(name, expected, value) from error


def computed(name: str, tensor, dtype):
    """Returns a tensor of real numbers in the type that a layer computes in."""
    return ops.cast(real(name, tensor), dtype)


def state_list(states) -> list:
    """The states as a list; one alone need not stand in one."""
    return list(states) if keras.tree.is_nested(states) else [states]
