"""Ending the trials that a rule prunes: what they are compared with, and what is kept of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.common.metrics import SIGNS
from keras_dlnotes.runs.records import read_or_quarantine, write_record
from keras_dlnotes.runs.schema import Positive, Text
from keras_dlnotes.tuning.folder import COMPLETED, logger
from keras_dlnotes.tuning.pruning import Pruning
from keras_dlnotes.tuning.records import Records, TrialRecord, read_or_warn

MARK = "pruned.json"


@dataclass(frozen=True)
class Curve:
    """The objective of an execution by epoch.

    Attributes:
        trial: the name of its trial.
        execution: its number.
        values: NaN for an epoch without a value.
        is_final: whether its trial has ended without being pruned.
    """

    trial: str
    execution: int
    values: list[float]
    is_final: bool


@dataclass(frozen=True)
class Mark:
    """`pruned.json` of an execution: that it ends.

    Attributes:
        epochs: after how many.
        reason: in words.
    """

    epochs: Positive
    reason: Text


def curves_of(trials: Sequence[TrialRecord], objective: str) -> list[Curve]:
    """Returns the curves of all trials that have not failed."""
    return [
        Curve(
            trial.name,
            execution,
            [row.get(objective, math.nan) for row in history],
            trial.outcome is not None and not trial.outcome.pruned,
        )
        for trial in trials
        if trial.outcome is None or trial.outcome.status == COMPLETED
        for execution, history in trial.histories.items()
    ]


def curves_in(folder: Path, objective: str) -> Callable[[], list[Curve]]:
    """Returns a function that reads the curves in a search's folder."""
    records = Records(folder, objective, read_or_warn)
    return lambda: curves_of(records.read(), objective)


class Pruner:
    """Decides after each epoch of an execution whether it goes on.

    That it ends is kept in its folder before the epoch is saved. So a trial that is killed
    meanwhile ends after the same epoch when it is resumed, whatever other trials have become.

    Args:
        rule: to follow.
        objective: what to improve.
        curves: returns the curves of all trials.
        path: of the execution, such as `trial_3/execution_0`.
    """

    def __init__(
        self,
        rule: Pruning,
        objective: keras_tuner.Objective,
        curves: Callable[[], list[Curve]],
        path: Path,
    ):
        self._rule = rule
        self._objective = objective
        self._curves = curves
        self._path = path
        self._trial = path.parent.name.removeprefix("trial_")
        self._execution = int(path.name.removeprefix("execution_"))
        self._values: list[float] = []

    @property
    def mark(self) -> Mark | None:
        """That the execution ends, once that is decided."""
        return read_or_quarantine(self._path / MARK, Mark)

    def begin(self, history: Sequence[Mapping[str, float]]) -> None:
        """Notes the epochs that were finished before."""
        self._values = [self._value(row) for row in history]

    def ends_after(self, row: Mapping[str, Any], epochs: int) -> bool:
        """Returns whether the execution ends after the epoch with these logs, of so many epochs."""
        self._values.append(self._value(row))
        done = len(self._values)
        mark = self.mark
        if mark is None and done < epochs:
            reason = self._reason()
            if reason is not None:
                mark = Mark(done, reason)
                write_record(self._path / MARK, asdict(mark))
                logger.info("%s: %s", self._path, reason)
        return mark is not None and done >= mark.epochs

    def _reason(self) -> str | None:
        done = len(self._values)
        others = [
            self._best(curve.values[:done])
            for curve in self._curves()
            if curve.trial != self._trial
            and curve.execution == self._execution
            and (len(curve.values) >= done or curve.is_final)
        ]
        threshold = self._rule.threshold(others, done)
        own = self._best(self._values)
        if threshold is None or not own > threshold:
            return None
        name, sign = self._objective.name, self._sign
        return (
            f"Pruned after epoch {done}: its best {name}, {sign * own:.6g}, is worse than "
            f"{sign * threshold:.6g} (rule {self._rule.name!r}, {len(others)} other trials)."
        )

    def _value(self, row: Mapping[str, Any]) -> float:
        return float(row.get(self._objective.name, math.nan))

    def _best(self, values: Sequence[float]) -> float:
        """Returns the best value; lower is better, and NaN worse than any number."""
        return min(
            (math.inf if math.isnan(value) else self._sign * value for value in values),
            default=math.inf,
        )

    @property
    def _sign(self) -> int:
        return SIGNS[self._objective.direction]


class Prune(keras.callbacks.Callback):
    """Ends a training when its `Pruner` says so; it comes after what adds to the logs."""

    def __init__(self, pruner: Pruner):
        super().__init__()
        self._pruner = pruner

    def on_epoch_end(self, epoch, logs=None):
        if self.model.stop_training:  # by another callback
            return
        self.model.stop_training = self._pruner.ends_after(logs or {}, self.params["epochs"])
