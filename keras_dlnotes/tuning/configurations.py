"""The configurations of a search space, if it is small enough to list them."""

import math
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from keras_dlnotes.tuning.folder import default_values

LIMIT = 4096  # more configurations are not listed


def configurations(
    space: keras_tuner.HyperParameters, limit: int = LIMIT
) -> list[dict[str, Any]] | None:
    """Returns every configuration; None if there are more than `limit`, or infinitely many.

    >>> hp = keras_tuner.HyperParameters()
    >>> if hp.Boolean("hidden"):
    ...     pass
    >>> with hp.conditional_scope("hidden", [True]):
    ...     _ = hp.Int("units", 1, 3)
    >>> len(configurations(hp))
    4
    """
    found: list[dict[str, Any]] = [{}]
    for entry in space.space:  # a condition precedes the entries that depend on it
        values = _values(entry, limit)
        if values is None:
            return None
        found = [known | choice for known in found for choice in _choices(entry, known, values)]
        found = list({tuple(known.items()): known for known in found}.values())
        if len(found) > limit:
            return None
    default = default_values(space)
    return found if default in found else [default, *found]


def _choices(entry: Any, known: dict[str, Any], values: list[Any]) -> list[dict[str, Any]]:
    is_active = all(condition.is_active(known) for condition in entry.conditions)
    return [{entry.name: value} for value in values] if is_active else [{}]


def _values(entry: Any, limit: int) -> list[Any] | None:
    """Returns the values of a hyperparameter; None if there are too many."""
    if not isinstance(entry, kinds.Int | kinds.Float):
        return list(entry.values) if len(entry.values) <= limit else None
    if entry.min_value == entry.max_value:
        return [entry.min_value]
    if entry.step is None:
        return None
    ratio = entry.max_value - entry.min_value, entry.step
    if entry.sampling != "linear":
        ratio = math.log(entry.max_value / entry.min_value), math.log(entry.step)
    if ratio[0] / ratio[1] > limit:
        return None
    kind = int if isinstance(entry, kinds.Int) else float
    return [kind(value) for value in entry.values]
