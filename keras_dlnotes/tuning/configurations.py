"""How many configurations a search space has, where they can be counted, and which these are."""

import math
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from keras_dlnotes.tuning.folder import default_values

MOST = 4096  # beyond, a search comes to no end of them


def configurations(
    space: keras_tuner.HyperParameters, most: int = MOST
) -> list[dict[str, Any]] | None:
    """Returns every configuration; None where there are more than `most`, or no end of them.

    >>> hp = keras_tuner.HyperParameters()
    >>> if hp.Boolean("hidden"):
    ...     pass
    >>> with hp.conditional_scope("hidden", [True]):
    ...     _ = hp.Int("units", 1, 3)
    >>> len(configurations(hp))
    4
    """
    found: list[dict[str, Any]] = [{}]
    for entry in space.space:  # a condition stands before what depends on it
        values = _values(entry, most)
        if values is None:
            return None
        found = [known | choice for known in found for choice in _choices(entry, known, values)]
        found = list({tuple(known.items()): known for known in found}.values())
        if len(found) > most:
            return None
    default = default_values(space)
    return found if default in found else [default, *found]


def _choices(entry: Any, known: dict[str, Any], values: list[Any]) -> list[dict[str, Any]]:
    is_active = all(condition.is_active(known) for condition in entry.conditions)
    return [{entry.name: value} for value in values] if is_active else [{}]


def _values(entry: Any, most: int) -> list[Any] | None:
    """Returns what is drawn of a hyperparameter; None where that is too much."""
    if not isinstance(entry, kinds.Int | kinds.Float):
        return list(entry.values) if len(entry.values) <= most else None
    if entry.min_value == entry.max_value:
        return [entry.min_value]
    if entry.step is None:
        return None
    ratio = entry.max_value - entry.min_value, entry.step
    if entry.sampling != "linear":
        ratio = math.log(entry.max_value / entry.min_value), math.log(entry.step)
    if ratio[0] / ratio[1] > most:
        return None
    kind = int if isinstance(entry, kinds.Int) else float
    return [kind(value) for value in entry.values]
