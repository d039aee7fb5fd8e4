"""What makes an oracle survive a kill at any moment.

What KerasTuner's lack [1.4.8]: atomic files; a grid that resumes where it stopped and keeps several
workers busy; protection from running a finished trial again, because the state was saved before the
trial left the list of ongoing ones; seed 0.
"""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_dlnotes.tuning.brackets import ENDED
from keras_dlnotes.tuning.configurations import configurations
from keras_dlnotes.tuning.consistency import is_tuner_own
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    ORACLE,
    SPARE,
    TrialOutcome,
    default_values,
    hyperparameters_of,
    logger,
    trial_ids,
    trial_path,
)
from keras_dlnotes.tuning.oracle_files import OracleFiles

DRAWS = 1000  # maximum random numbers of a trial


class Durable(OracleFiles):
    """A mixin for all oracles: the state on disk is always consistent.

    The oracle's file decides which trials exist, and a trial's outcome how it ended; `reload`
    reconciles everything else with these two.
    """

    exhausted = False
    keep_ongoing = False
    initial: Sequence[Mapping[str, Any]] = ({},)

    def planned_trials(self) -> int | None:
        """Returns the total number of trials, or None if it is unknown."""
        return self.max_trials

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """As in KerasTuner, but the first trials are the initial configurations, or the default."""
        response = super().populate_space(trial_id)
        number = len(self.start_order)
        if response["status"] == TrialStatus.RUNNING and number < len(self.initial):
            kept = {key: value for key, value in response["values"].items() if is_tuner_own(key)}
            if "tuner/trial_id" not in kept:  # which would continue another trial
                values = default_values(self.get_space(), self.initial[number])
                response["values"] = values | kept
        return response

    def _random_values(self) -> dict[str, Any] | None:
        """As in KerasTuner, but no configuration of a small space is missed by chance."""
        values = super()._random_values()
        if values is None:
            left = configurations(self.get_space()) or []
            values = next((entry for entry in left if not self._duplicate(entry)), None)
        return values

    def warning(self) -> str | None:
        """Returns a warning about the planned trials, or None."""

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """As in KerasTuner, and records when no trials are left."""
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.STOPPED and not self.exhausted:
            self.exhausted = True
            self.save()
        return trial

    @keras_tuner.synchronized
    def end_trial(self, trial: Trial) -> None:
        """Applies the outcome that the trial has left in its folder."""
        trial_id = trial.trial_id
        outcome = self._read_outcome(trial_id)
        if outcome is not None and self.trials[trial_id].status not in ENDED:
            self._apply(trial_id, outcome)
        for tuner_id, ongoing in list(self.ongoing_trials.items()):
            if ongoing.trial_id == trial_id:
                del self.ongoing_trials[tuner_id]
        if trial_id in self._retry_queue:
            self._retry_queue.remove(trial_id)
        if self.trials[trial_id].status not in ENDED:  # its outcome cannot be read
            self._retry_queue.append(trial_id)
        self.save()

    def _apply(self, trial_id: str, outcome: TrialOutcome) -> None:
        completed = outcome.status == COMPLETED
        if completed:
            self.trials[trial_id].metrics = Trial(None).metrics
            self.update_trial(trial_id, outcome.metrics, step=outcome.step)
        super().end_trial(
            Trial(
                hyperparameters_of(outcome.hyperparameters),
                trial_id,
                TrialStatus.COMPLETED if completed else TrialStatus.FAILED,
                outcome.message,
            )
        )

    @keras_tuner.synchronized
    def release(self, tuner_id: str) -> None:
        """Gives the trial of a lost worker to the next one that asks."""
        trial = self.ongoing_trials.pop(tuner_id, None)
        self.tuner_ids.discard(tuner_id)
        if trial is not None:
            self._retry_queue.append(trial.trial_id)
        self.save()

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {"exhausted": self.exhausted}

    def reload(self) -> None:
        """Resumes from the folder, in whatever state the last process left it."""
        state = self._read_state(ORACLE) or self._read_state(SPARE)
        if state is None:
            self._rebuild()
            return
        for trial_id in state["start_order"]:
            self.trials[trial_id] = self._read_trial(trial_id)
        grown = self.get_space()
        self.set_state(state)
        self.hyperparameters.merge(grown, overwrite=False)
        self.exhausted = False
        ongoing = dict(self.ongoing_trials)
        self.ongoing_trials.clear()
        for trial_id in set(trial_ids(self.folder)) - set(self.start_order):
            shutil.rmtree(trial_path(self.folder, trial_id))  # no worker has seen it
        self._reconcile()
        if self.keep_ongoing:
            for tuner_id, trial in ongoing.items():
                if trial.status not in ENDED:
                    self.ongoing_trials[tuner_id] = trial
        held = {trial.trial_id for trial in self.ongoing_trials.values()}
        waiting = [key for key in self.start_order if self.trials[key].status not in ENDED]
        self._retry_queue = [key for key in reversed(waiting) if key not in held]
        self.save()

    def _rebuild(self) -> None:
        """Rebuilds the state from the trials if the oracle's own files are lost."""
        for trial_id in trial_ids(self.folder):
            trial = self.trials[trial_id] = self._read_trial(trial_id)
            self.start_order.append(trial_id)
            self.update_space(trial.hyperparameters)
            self._record_values(trial)
        if self.start_order:
            logger.warning("The oracle's files are lost; its state is rebuilt from the trials.")
            self._seed_state += DRAWS * len(self.start_order)
            self._adopt(self.start_order)
            self._reconcile()
            waiting = [key for key in self.start_order if self.trials[key].status not in ENDED]
            self._retry_queue = waiting[::-1]
        self.save()

    def _adopt(self, trial_ids: list[str]) -> None:
        """Restores the oracle's own bookkeeping from the trials, in order."""

    def _reconcile(self) -> None:
        """Reconciles each trial with its outcome."""
        for trial_id in self.start_order:
            trial, outcome = self.trials[trial_id], self._read_outcome(trial_id)
            if trial.status in ENDED and outcome is None:
                self._restore_outcome(trial)
            elif trial.status not in ENDED and outcome is not None:
                if trial_id in self.end_order:
                    self.end_order.remove(trial_id)
                self._apply(trial_id, outcome)
            if trial.status in ENDED and trial_id not in self.end_order:
                self.end_order.append(trial_id)
