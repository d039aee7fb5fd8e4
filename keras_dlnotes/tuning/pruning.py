"""The rules by which a trial ends early, since others were better after as many epochs."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.tuning.recipes import Recipe


@dataclass(frozen=True)
class MedianPruning:
    """Ends a trial whose best value is worse than the median of the others' after as many epochs.

    With the best value of trial t after e epochs (the maximum where more is better), t ends if

        bₜ(e) = min(vₜ(1), …, vₜ(e))  >  median of bₛ(e) over the other trials s

    which have had e epochs, too, or have ended with fewer without being pruned. Trials that failed
    don't count, and NaN is worse than any number.

    Args:
        startup_trials: other trials that the median needs, ≥ 1.
        warmup_epochs: epochs after which a trial may end for the first time, ≥ 1.

    Raises:
        ValueError: for an argument out of range.

    Reference:
        D. Golovin et al., "Google Vizier: A Service for Black-Box Optimization", 2017; its median
        stopping rule averages the epochs so far, where this one takes the best of them.

    Example:

    >>> MedianPruning(startup_trials=3).threshold([0.5, 0.25, 0.75], epochs=1)
    0.5
    """

    startup_trials: int = 5
    warmup_epochs: int = 1
    name: ClassVar[str] = "median"

    def __post_init__(self):
        integer("startup_trials", self.startup_trials, 1)
        integer("warmup_epochs", self.warmup_epochs, 1)

    def threshold(self, others: Sequence[float], epochs: int) -> float | None:
        """Returns what a trial must reach after these epochs; None if it goes on in any case.

        Args:
            others: the best values of the other trials, of which lower ones are better.
            epochs: how many the trial has had.
        """
        if len(others) < self.startup_trials or epochs < self.warmup_epochs:
            return None
        return statistics.median(others)


@dataclass(frozen=True)
class HalvingPruning:
    """Lets one trial of η go on at each rung: successive halving without waiting.

    The rungs are the epochs r, rη, rη², … Of the n trials that have had a rung's epochs so far,
    itself included, a trial ends there if it is not among the best

        max(1, ⌊n / η⌋)

    by its best value until then. So the first trial never ends, and a trial that has ended does not
    come back. Which trials count is as for `MedianPruning`.

    Args:
        factor: η, ≥ 2.
        min_epochs: r, the epochs that each trial has, ≥ 1.

    Raises:
        ValueError: for an argument out of range.

    Reference:
        L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020; its trials wait
        at a rung until they are among the best, where these end.

    Example:

    >>> HalvingPruning(factor=2).threshold([0.5, 0.25, 0.75], epochs=4)
    0.5
    """

    factor: int = 3
    min_epochs: int = 1
    name: ClassVar[str] = "halving"

    def __post_init__(self):
        integer("factor", self.factor, 2)
        integer("min_epochs", self.min_epochs, 1)

    def threshold(self, others: Sequence[float], epochs: int) -> float | None:
        """Returns what a trial must reach after these epochs; see `MedianPruning.threshold`."""
        rung = self.min_epochs
        while rung < epochs:
            rung *= self.factor
        if rung != epochs or not others:
            return None
        places = max(1, (len(others) + 1) // self.factor)
        return sorted(others)[places - 1]


Pruning = MedianPruning | HalvingPruning
RULES: Mapping[str, type[Pruning]] = {rule.name: rule for rule in (MedianPruning, HalvingPruning)}


def check_pruning(pruning: Any, tuner: str, recipe: Recipe) -> dict[str, Any] | None:
    """Returns a rule as JSON values; None for none.

    Raises:
        ValueError: for a rule that does not exist, or a search whose trials can't be pruned.
    """
    if pruning is None:
        return None
    if isinstance(pruning, str) and pruning in RULES:
        pruning = RULES[pruning]()
    if not isinstance(pruning, Pruning):
        expected = f"{', '.join(map(repr, RULES))}, a MedianPruning, a HalvingPruning or None"
        raise argument_error("pruning", expected, pruning)
    if tuner == "hyperband":
        raise argument_error("pruning", "None for Hyperband, which ends trials itself", pruning)
    if not recipe.has_epochs:
        raise argument_error("pruning", "None for a function, which has no epochs", pruning)
    return {"rule": pruning.name, **asdict(pruning)}


def rule_of(settings: Mapping[str, Any] | None) -> Pruning | None:
    """Returns the rule of a search's settings.

    >>> rule_of({"rule": "halving", "factor": 4, "min_epochs": 1})
    HalvingPruning(factor=4, min_epochs=1)
    """
    if settings is None:
        return None
    arguments = dict(settings)
    return RULES[arguments.pop("rule")](**arguments)
