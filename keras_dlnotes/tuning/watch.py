"""How far a search has come, what it logs and when it has to stop: seen from its folder alone."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_dlnotes.common.printable import get_logger
from keras_dlnotes.tuning.fatal import fatal_errors
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    OUT_OF_MEMORY,
    RESULTS,
    hyperparameters_of,
    logger,
)
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.loggers import TrialLogger
from keras_dlnotes.tuning.oracles import make_oracle
from keras_dlnotes.tuning.records import Records, TrialRecord, read_or_warn, write_table
from keras_dlnotes.tuning.supervisor import SearchError

# who shows the trials by `on_progress` can silence it
endings = get_logger(f"{logger.name}.endings")


@dataclass(frozen=True)
class Progress:
    """How far a search has come.

    Attributes:
        trials: all trials so far.
        planned: how many there will be; None where nobody knows.
        objective: the name of what is improved.
        best: the best value so far; None before the first completed trial.
        seconds_left: an estimate; None where nobody knows.
        failed: trials that have failed since the last call.
        epochs: most epochs of a trial.
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
        """The trials that have begun and not ended."""
        return [trial for trial in self.trials if trial.ending is None]

    @property
    def done(self) -> int:
        """How many trials have ended."""
        return sum(trial.ending is not None for trial in self.trials)


class Watch:
    """Looks at a search's folder while it runs: tells its progress, and stops it where it must.

    Attributes:
        warning: what a user would not expect of the search, if anything.
    """

    def __init__(
        self,
        job: Job,
        space: Mapping[str, Any],
        most_failures: int | None,
        on_progress: Callable[[Progress], Any] | None,
        loggers: Sequence[TrialLogger] = (),
    ):
        self._job = job
        self._loggers = loggers
        self._records = Records(job.folder, job.conditions.objective.name, read_or_warn)
        self._most_failures = most_failures
        self._on_progress = on_progress
        self._started = time.monotonic()
        ended = [trial for trial in self._records.read() if trial.ending is not None]
        self._log(ended)
        self._told = {trial.name for trial in ended}
        self._done_before = len(self._told)
        self._old_errors = fatal_errors(job.folder)
        oracle = make_oracle(
            objective=job.conditions.objective,
            space=hyperparameters_of(space),
            epochs=job.recipe.epochs,
            seed=0,
            folder=job.folder,
            **job.oracle,
        )
        self._planned = oracle.planned_trials()
        self.warning = oracle.warning()

    def __call__(self) -> None:
        trials = self._records.read()
        ended = [trial for trial in trials if trial.ending is not None]
        new = [trial for trial in ended if trial.name not in self._told]
        failed = [trial for trial in new if trial.status != COMPLETED]
        self._log(new)
        for trial in new:
            self._told.add(trial.name)
            if trial.status == COMPLETED:
                endings.info("Trial %s: %s", trial.name, trial.ending.metrics)
            else:
                message = trial.ending.message
                endings.warning("Trial %s: %s\n%s", trial.name, trial.status, message)
        if new and self._most_failures is not None:
            write_table(self._job.folder / RESULTS, trials)
        if self._on_progress is not None:
            self._on_progress(self._progress(trials, failed))
        self._check_fatal_errors()
        self._check_failures(ended)

    def write_table(self) -> None:
        """Brings `results.csv` up to date."""
        write_table(self._job.folder / RESULTS, self._records.read())

    def check_completed(self) -> None:
        """Raises where a search has not one completed trial."""
        trials = self._records.read()
        if not any(trial.status == COMPLETED for trial in trials):
            messages = [trial.ending.message for trial in trials if trial.ending is not None]
            last = messages[-1] if messages else "there was none"
            raise SearchError(f"Of {len(trials)} trials none was completed: {brief(last)}", last)

    def _log(self, trials: Sequence[TrialRecord]) -> None:
        for trial_logger in self._loggers:
            for trial in trials:
                try:
                    trial_logger.log(str(self._job.folder), trial)
                except Exception:  # a search must not end since somebody's server is away
                    logger.exception("Trial %s could not be logged.", trial.name)

    def _check_fatal_errors(self) -> None:
        for path, when in fatal_errors(self._job.folder).items():
            if self._old_errors.get(path) != when:
                message = path.read_text(encoding="utf-8")
                name = path.parent.name.removeprefix("trial_")
                raise SearchError(f"Trial {name} ends the search: {brief(message)}", message)

    def _check_failures(self, ended: list[TrialRecord]) -> None:
        if self._most_failures is None:  # a worker elsewhere, which leaves that to the chief
            return
        counted = [trial for trial in ended if trial.status != OUT_OF_MEMORY]
        last = counted[-self._most_failures :]
        if len(last) == self._most_failures and all(trial.status != COMPLETED for trial in last):
            message = last[-1].ending.message
            raise SearchError(f"{len(last)} trials in a row have failed: {brief(message)}", message)

    def _progress(self, trials: list[TrialRecord], failed: list[TrialRecord]) -> Progress:
        objective = self._job.conditions.objective
        scores = [trial.score(objective.name) for trial in trials if trial.status == COMPLETED]
        best = (min if objective.direction == "min" else max)(scores, default=None)
        done = len(self._told) - self._done_before
        left = None
        if done and self._planned is not None:
            elapsed = time.monotonic() - self._started
            left = elapsed / done * max(self._planned - len(self._told), 0)
        return Progress(
            trials, self._planned, objective.name, best, left, failed, self._job.recipe.epochs
        )


def brief(message: str) -> str:
    """Returns the last line of a traceback, which says what it was.

    >>> brief("Traceback (most recent call last):\\n  File …\\nKeyError: 'units'\\n")
    "KeyError: 'units'"
    """
    return message.strip().splitlines()[-1]
