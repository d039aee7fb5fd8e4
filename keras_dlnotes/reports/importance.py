"""Which hyperparameters of a search matter."""

from collections.abc import Mapping, Sequence
from numbers import Number, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, mapping, same_length, sequence, text
from keras_dlnotes.reports.arrays import as_array

FEWEST_TRIALS = 8  # with fewer, too few trees leave out enough trials for an out-of-bag R²
TREES = 200


def hyperparameter_importance(
    hyperparameters: Mapping[str, Sequence[Any] | np.ndarray], objective: ArrayLike
) -> dict[str, float]:
    """Returns the share of the objective's variance that each hyperparameter explains.

    importance = max(R², 0) · (the hyperparameter's part of the forest's reduction in variance)

    A random forest learns the rank of a trial's objective from its hyperparameters; the rank, since
    a single diverged trial would otherwise be nearly all of the variance. R² is the out-of-bag one,
    so that the shares add up to what the forest can predict, and are 0 where it predicts nothing.

    Args:
        hyperparameters: By name, a value for each trial: numbers, texts, booleans or None.
        objective: A number for each trial; a trial of NaN is left out.

    Returns:
        The shares in [0, 1] by name, the largest first.

    Raises:
        ValueError: If there is no hyperparameter, the lengths differ, or fewer than 8 trials have
            an objective.

    Reference:
        Breiman, "Random Forests", Machine Learning 45, 2001.

    >>> values = list(range(20))
    >>> importance = hyperparameter_importance({"idle": [1, 2] * 10, "rate": values}, values)
    >>> list(importance), importance["rate"] > 0.8
    (['rate', 'idle'], True)
    """
    from sklearn.ensemble import RandomForestRegressor

    objective = as_array("objective", objective, ["(trials,)"])
    hyperparameters = as_columns(hyperparameters, objective)
    known = np.isfinite(objective)
    if known.sum() < FEWEST_TRIALS:
        expected = f"numbers of at least {FEWEST_TRIALS} trials"
        raise argument_error("objective", expected, int(known.sum()), part="trials with a number")
    encoded = {name: _encode(values)[known] for name, values in hyperparameters.items()}
    _, order, counts = np.unique(objective[known], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2)[order]  # equal objectives share their mean rank
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0)
    forest.fit(np.concatenate(list(encoded.values()), axis=1), ranks)
    explained = max(float(np.nan_to_num(forest.oob_score_)), 0.0)
    ends = np.cumsum([columns.shape[1] for columns in encoded.values()])[:-1]
    parts = [part.sum() for part in np.split(forest.feature_importances_, ends)]
    shares = {name: float(explained * part) for name, part in zip(encoded, parts, strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def as_columns(value: Any, objective: np.ndarray) -> dict[str, list[Any]]:
    """Returns hyperparameters as lists, each as long as the objective and without infinity."""
    columns = {
        text("hyperparameters", name, empty=True): sequence(
            f"hyperparameters[{name!r}]", values, "values"
        )
        for name, values in mapping("hyperparameters", value, "from names to values").items()
    }
    for name, values in columns.items():
        numbers = [value for value in values if isinstance(value, Number)]
        if not all(isinstance(value, Real) and not np.isinf(float(value)) for value in numbers):
            expected = "finite numbers, texts, booleans or None"
            raise argument_error(f"hyperparameters[{name!r}]", expected, values)
    named = {f"hyperparameters[{name!r}]": values for name, values in columns.items()}
    same_length(objective=objective, **named)
    return columns


def is_numeric(values: Sequence[Any]) -> bool:
    """Tells whether all known values are numbers; booleans are choices.

    >>> is_numeric([1, None, 0.5]), is_numeric([True, False]), is_numeric([None])
    (True, False, False)
    """
    known = [value for value in values if not is_missing(value)]
    return bool(known) and all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool)
        for value in known
    )


def is_missing(value: Any) -> bool:
    """Tells whether a trial lacks the value: None or NaN."""
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _encode(values: Sequence[Any]) -> np.ndarray:
    """Returns numbers as one column, and choices as one column each."""
    if is_numeric(values):
        return np.array([[np.nan if is_missing(value) else value] for value in values], dtype=float)
    texts = np.array([str(value) for value in values])
    return (texts[:, None] == np.unique(texts)).astype(float)
