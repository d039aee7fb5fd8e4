"""The hyperparameters that a search may set, if they are listed beforehand."""

from collections.abc import Mapping
from typing import Any

import keras_tuner
from keras_tuner.errors import FatalValueError

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.tuning.folder import hyperparameters_of


def listed_space(arguments: Mapping[str, Any]) -> keras_tuner.HyperParameters | None:
    """Returns the hyperparameters among the arguments of an oracle, which are JSON values."""
    config = arguments.get("hyperparameters")
    return None if config is None else hyperparameters_of(config)


def names_of(hp: keras_tuner.HyperParameters) -> list[str]:
    """Returns the names of the hyperparameters."""
    return list(dict.fromkeys(entry.name for entry in hp.space))


def check_entries(known: list[str], hp: keras_tuner.HyperParameters) -> None:
    """Raises if the hypermodel has asked for hyperparameters that are not listed."""
    new = [name for name in names_of(hp) if name not in known]
    if new:
        expected = (
            "with hyperparameters for all that the hypermodel asks for, where "
            f"allow_new_entries=False; it also asks for {', '.join(new)}"
        )
        raise FatalValueError(str(argument_error("tuner_arguments", expected, known)))
