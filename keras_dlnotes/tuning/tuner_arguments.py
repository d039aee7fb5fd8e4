"""The arguments of KerasTuner's oracles that a search passes on."""

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner

from keras_dlnotes.common.checks import argument_error, flag, integer, mapping, number
from keras_dlnotes.tuning.oracles import ORACLES, make_oracle

# the oracle's argument → the argument of `search` that replaces it
OWN = {
    "objective": "objective",
    "max_trials": "max_trials",
    "max_epochs": "epochs",
    "seed": "seed",
    "max_consecutive_failed_trials": "max_consecutive_failures",
}
MAX_RETRIES = 1024


def oracle_arguments(
    tuner: str, arguments: Any, objective: keras_tuner.Objective | None, epochs: int
) -> dict[str, Any]:
    """Returns further arguments of KerasTuner's oracle as JSON values.

    >>> oracle_arguments("hyperband", {"factor": 4}, None, epochs=10)
    {'factor': 4}
    """
    if arguments is None:
        return {}
    mapping("tuner_arguments", arguments)
    known = [
        name for name in inspect.signature(ORACLES[tuner].__init__).parameters if name != "self"
    ]
    for name in arguments:
        if name in OWN and name in known:
            message = f"without {name!r}, for which `search` has the argument `{OWN[name]}`"
            raise argument_error("tuner_arguments", message, arguments)
        if name not in known:
            allowed = ", ".join(map(repr, sorted({*known} - OWN.keys())))
            expected = f"some of {allowed}, which {tuner!r} takes"
            raise argument_error("tuner_arguments", expected, arguments)
    for name, value in arguments.items():
        if name in CHECKS:
            CHECKS[name](f"tuner_arguments[{name!r}]", value)
    found = dict(arguments)
    if isinstance(found.get("hyperparameters"), keras_tuner.HyperParameters):
        found["hyperparameters"] = found["hyperparameters"].get_config()
    elif found.pop("hyperparameters", None) is None:
        for name in ("tune_new_entries", "allow_new_entries"):
            if not found.get(name, True):
                expected = f"with 'hyperparameters', where {name} is False"
                raise argument_error("tuner_arguments", expected, arguments)
    try:
        found = json.loads(json.dumps(found))  # for the settings' file
        space = keras_tuner.HyperParameters()
        shared: dict[str, Any] = {"max_trials": 1, "epochs": epochs, "seed": 0, "folder": Path()}
        make_oracle(tuner, objective, space, **shared, arguments=found)
    except Exception as error:  # whatever an oracle's constructor raises
        expected = f"what {tuner!r} of KerasTuner takes"
        raise argument_error("tuner_arguments", expected, arguments, str(error)) from error
    return found


def _listed(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, keras_tuner.HyperParameters):
        raise argument_error(name, "a keras_tuner.HyperParameters or None", value)


def _optional_count(name: str, value: Any) -> None:
    if value is not None:
        integer(name, value, 1)


def _positive(name: str, value: Any) -> None:
    if number(name, value, 0) == 0:
        raise argument_error(name, "a finite number > 0", value)


CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "hyperparameters": _listed,
    "tune_new_entries": flag,
    "allow_new_entries": flag,
    "max_retries_per_trial": functools.partial(integer, minimum=0, maximum=MAX_RETRIES),
    "factor": functools.partial(integer, minimum=2),
    "hyperband_iterations": functools.partial(integer, minimum=1),
    "num_initial_points": _optional_count,
    "alpha": _positive,
    "beta": functools.partial(number, minimum=0),
}
