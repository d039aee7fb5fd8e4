"""The metrics in what a hypermodel's custom `fit` returns, as KerasTuner reads them."""

import statistics
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import keras
import keras_tuner
from keras_tuner.errors import FatalTypeError, FatalValueError

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.tuning.objectives import completed

UNNAMED = keras_tuner.Objective("default_objective", "min")  # KerasTuner's, for a number


def objective_for(result: Any) -> keras_tuner.Objective:
    """Returns the default objective of a result: "default_objective" for a number, else "val_loss".

    >>> objective_for(0.5).name, objective_for({"val_loss": 0.5}).name
    ('default_objective', 'val_loss')
    """
    if isinstance(result, list) and result:
        return objective_for(result[0])
    if _is_number(result) or (isinstance(result, Mapping) and UNNAMED.name in result):
        return UNNAMED
    return keras_tuner.Objective("val_loss", "min")


def metrics_of(
    result: Any, objective: keras_tuner.Objective, origin: str = "HyperModel.fit"
) -> dict[str, float]:
    """Returns the metrics of a result; those of several executions are averaged.

    >>> metrics_of([{"val_loss": 1.0}, 2.0], keras_tuner.Objective("val_loss", "min"))
    {'val_loss': 1.5}

    Raises:
        FatalTypeError: for anything else, which ends the search.
        FatalValueError: for a dict without the objective.
        ValueError: for a History without it.
    """
    if isinstance(result, list) and result:
        return mean_of([metrics_of(entry, objective, origin) for entry in result])
    if _is_number(result):
        return {objective.name: float(result)}
    if isinstance(result, Mapping):
        result = completed(objective, result)
        if objective.name not in result:
            raise FatalValueError(str(missing(objective, result)))
        return {str(name): _number(name, value) for name, value in result.items()}
    if isinstance(result, keras.callbacks.History):
        return best_row(rows_of(result), objective)[1]
    expected = "a History, a number, a dict of numbers, or a list of these"
    raise FatalTypeError(f"{origin} must return {expected}. It returned: {result!r}")


def rows_of(history: keras.callbacks.History) -> list[dict[str, float]]:
    """Returns the logs of each epoch."""
    names = list(history.history)
    columns = zip(*history.history.values(), strict=True)
    return [dict(zip(names, map(float, values), strict=True)) for values in columns]


def best_row(
    rows: Sequence[dict[str, float]], objective: keras_tuner.Objective
) -> tuple[int, dict[str, float]]:
    """Returns the best epoch, from 0, and its logs; the first one if several are equally good."""
    rows = [completed(objective, row) for row in rows]
    if not rows or objective.name not in rows[0]:
        raise missing(objective, rows[0] if rows else {})
    best = 0
    for epoch, row in enumerate(rows):
        if objective.better_than(row[objective.name], rows[best][objective.name]):
            best = epoch
    return best, rows[best]


def mean_of(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the mean of each metric over the entries that have it.

    >>> mean_of([{"a": 1.0, "b": 3.0}, {"a": 2.0}])
    {'a': 1.5, 'b': 3.0}
    """
    names = dict.fromkeys(name for entry in metrics for name in entry)
    return {
        name: statistics.fmean(entry[name] for entry in metrics if name in entry) for name in names
    }


def missing(objective: keras_tuner.Objective, names: Sequence[str] | Mapping) -> ValueError:
    """Returns the error for an objective that no trial logs."""
    found = ", ".join(sorted(map(str, names))) or "none"
    expected = f"one of the metrics that a trial logs: {found}"
    return argument_error("objective", expected, objective.name)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _number(name: Any, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        message = f"HyperModel.fit must return numbers. It returned: {name}={value!r}"
        raise FatalTypeError(message) from error
