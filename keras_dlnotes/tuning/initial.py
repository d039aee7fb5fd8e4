"""The configurations that a search begins with."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_dlnotes.common.checks import argument_error, is_sequence, mapping
from keras_dlnotes.tuning.consistency import fits
from keras_dlnotes.tuning.folder import default_values, hyperparameters_of


def listed_initial(tuner: str, value: Any) -> list[dict[str, Any]]:
    """Returns initial configurations as JSON values.

    Raises:
        ValueError: for anything but a list of dicts, or a tuner that has an order of its own.
    """
    if value is None:
        return []
    if not is_sequence(value):
        expected = "a list of dicts, each from names of hyperparameters to values"
        raise argument_error("initial_configurations", expected, value)
    found = [dict(mapping("initial_configurations", entry)) for entry in value]
    if found and tuner == "grid":
        expected = "None for a grid, which tries every configuration in order"
        raise argument_error("initial_configurations", expected, value)
    for entry in found:
        for name, part in entry.items():
            if not isinstance(name, str) or not isinstance(part, bool | int | float | str):
                raise argument_error("initial_configurations", "made of JSON values", value)
    return found


def check_initial(initial: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> None:
    """Raises unless a space has all initial configurations."""
    space = hyperparameters_of(config)
    for given in initial:
        for name, value in given.items():
            entries = [one["config"] for one in config["space"] if one["config"]["name"] == name]
            if not entries:
                known = ", ".join(dict.fromkeys(entry.name for entry in space.space))
                expected = f"made of the hyperparameters of the space: {known}"
                raise argument_error("initial_configurations", expected, name)
            if not any(fits(value, entry) for entry in entries):
                expected = f"made of values that the space allows for {name!r}"
                raise argument_error("initial_configurations", expected, value)
        inactive = given.keys() - default_values(space, given).keys()
        if inactive:
            expected = "made of hyperparameters that are active for the other values"
            raise argument_error("initial_configurations", expected, sorted(inactive))
