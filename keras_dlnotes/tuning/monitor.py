"""Monitors a search through its folder: its progress, its logs, and when it must stop."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_dlnotes.common.printable import get_logger
from keras_dlnotes.tuning.fatal_errors import fatal_errors
from keras_dlnotes.tuning.folder import COMPLETED, OUT_OF_MEMORY, RESULTS, logger
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.loggers import TrialLogger
from keras_dlnotes.tuning.records import (
    Records,
    TrialRecord,
    best_first,
    read_or_warn,
    write_table,
)
from keras_dlnotes.tuning.supervisor import SearchError

# a display that shows the trials itself can disable it
outcomes = get_logger(f"{logger.name}.outcomes")


@dataclass(frozen=True)
class Progress:
    """The progress of a search.

    Attributes:
        trials: all trials so far.
        planned: the total number of trials; None if unknown.
        objective: the name of the objective.
        best: the best value so far; None before the first completed trial.
        seconds_left: an estimate; None if unknown.
        failed: trials that have failed since the last call.
        epochs: the maximum number of epochs of a trial.
    """

    trials: list[TrialRecord]
    planned: int | None
    objective: str
    best: float | None
    seconds_left: float | None
    failed: list[TrialRecord] = field(default_factory=list)
    epochs: int = 0

    @property
    def running(self) -> list[TrialRecord]:
        """The trials that have started but not ended."""
        return [trial for trial in self.trials if trial.outcome is None]

    @property
    def done(self) -> int:
        """The number of trials that have ended."""
        return sum(trial.outcome is not None for trial in self.trials)


class ProgressMonitor:
    """Reports the progress of a running search, and raises `SearchError` when it must stop.

    Attributes:
        warning: a warning about the planned trials, if there is one.
    """

    def __init__(
        self,
        job: Job,
        space: Mapping[str, Any],
        max_failures: int | None,
        on_progress: Callable[[Progress], Any] | None,
        loggers: Sequence[TrialLogger] = (),
    ):
        self._job = job
        self._loggers = loggers
        self._records = Records(job.folder, job.objective.name, read_or_warn)
        self._max_failures = max_failures
        self._on_progress = on_progress
        self._started = time.monotonic()
        ended = [trial for trial in self._records.read() if trial.outcome is not None]
        self._log(ended)
        self._reported = {trial.name for trial in ended}
        self._done_before = len(self._reported)
        self._old_errors = fatal_errors(job.folder)
        oracle = job.make_oracle(space, seed=0)
        self._planned = oracle.planned_trials()
        self.warning = oracle.warning()

    def __call__(self) -> None:
        trials = self._records.read()
        ended = [trial for trial in trials if trial.outcome is not None]
        new = [trial for trial in ended if trial.name not in self._reported]
        failed = [trial for trial in new if trial.status != COMPLETED]
        self._log(new)
        for trial in new:
            self._reported.add(trial.name)
            if trial.status == COMPLETED:
                outcomes.info("Trial %s: %s", trial.name, trial.metrics)
                if trial.is_pruned:
                    outcomes.info("Trial %s: %s", trial.name, trial.message)
            else:
                outcomes.warning("Trial %s: %s\n%s", trial.name, trial.status, trial.message)
        if new and self._max_failures is not None:
            write_table(self._job.folder / RESULTS, trials)
        if self._on_progress is not None:
            self._on_progress(self._progress(trials, failed))
        self._check_fatal_errors()
        self._check_failures(ended)

    def write_table(self) -> None:
        """Updates `results.csv`."""
        write_table(self._job.folder / RESULTS, self._records.read())

    def check_completed(self) -> None:
        """Raises if no trial has completed."""
        trials = self._records.read()
        if not any(trial.status == COMPLETED for trial in trials):
            messages = [trial.message for trial in trials if trial.outcome is not None]
            last = messages[-1] if messages else "no trial has ended"
            raise SearchError(f"None of {len(trials)} trials completed: {brief(last)}", last)

    def _log(self, trials: Sequence[TrialRecord]) -> None:
        for trial_logger in self._loggers:
            for trial in trials:
                try:
                    trial_logger.log(str(self._job.folder), trial)
                except Exception:  # a logging server that is down must not end the search
                    logger.exception("Trial %s cannot be logged.", trial.name)

    def _check_fatal_errors(self) -> None:
        for path, when in fatal_errors(self._job.folder).items():
            if self._old_errors.get(path) != when:
                message = path.read_text(encoding="utf-8")
                name = path.parent.name.removeprefix("trial_")
                raise SearchError(f"Trial {name} ends the search: {brief(message)}", message)

    def _check_failures(self, ended: list[TrialRecord]) -> None:
        if self._max_failures is None:  # a worker on another machine leaves this to the chief
            return
        counted = [trial for trial in ended if trial.status != OUT_OF_MEMORY]
        last = counted[-self._max_failures :]
        if len(last) == self._max_failures and all(trial.status != COMPLETED for trial in last):
            message = last[-1].message
            raise SearchError(f"{len(last)} consecutive trials failed: {brief(message)}", message)

    def _progress(self, trials: list[TrialRecord], failed: list[TrialRecord]) -> Progress:
        objective = self._job.objective
        best = best_value(
            trials, objective.name, objective.direction, self._job.trial_settings.executions
        )
        done = len(self._reported) - self._done_before
        left = None
        if done and self._planned is not None:
            elapsed = time.monotonic() - self._started
            left = elapsed / done * max(self._planned - len(self._reported), 0)
        return Progress(
            trials, self._planned, objective.name, best, left, failed, self._job.recipe.epochs
        )


def best_value(
    trials: Sequence[TrialRecord], objective: str, direction: str, executions: int
) -> float | None:
    """Returns the value of the best trial; None if none is complete."""
    ranking = best_first(trials, objective, direction, executions)
    return ranking[0].metrics[objective] if ranking else None


def brief(message: str) -> str:
    """Returns the last line of a traceback, which names the exception.

    >>> brief("Traceback (most recent call last):\\n  File …\\nKeyError: 'units'\\n")
    "KeyError: 'units'"
    """
    return message.strip().splitlines()[-1]
