"""The files of an oracle and its trials, written atomically and restored if one is lost."""

from functools import partial
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_dlnotes.runs.folder import RunFolder
from keras_dlnotes.runs.records import read_or_quarantine, write_record
from keras_dlnotes.tuning.consistency import TUNERS_OWN, fault_in_oracle, fault_in_trial
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    FAILED,
    ORACLE,
    OUTCOME,
    SPARE,
    TRIAL,
    TrialOutcome,
    execution_path,
    hyperparameters_of,
    logger,
    read_outcome,
    trial_ids,
    trial_path,
    write_outcome,
)
from keras_dlnotes.tuning.formats import OracleState, TrialRun, TrialState
from keras_dlnotes.tuning.records import read_or_warn


class OracleFiles(keras_tuner.Oracle):
    """How an oracle reads and writes its folder.

    Attributes:
        folder: of the search.
        record: the shape of the oracle's state.
    """

    folder: Path
    record: Any = OracleState

    def save(self) -> None:
        state = self.get_state()
        write_record(self.folder / ORACLE, state)
        write_record(self.folder / SPARE, state)

    def _save_trial(self, trial: Trial) -> None:
        path = trial_path(self.folder, trial.trial_id)
        path.mkdir(exist_ok=True)
        write_record(path / TRIAL, trial.get_state())

    def _read_state(self, name: str) -> dict[str, Any] | None:
        """Returns the state, if it includes every trial that has left results."""
        paths = {trial_id: trial_path(self.folder, trial_id) for trial_id in trial_ids(self.folder)}
        begun = [
            trial_id
            for trial_id, path in paths.items()
            if (path / OUTCOME).exists() or any(path.glob("execution_*"))
        ]
        check = partial(fault_in_oracle, begun=begun)
        return read_or_quarantine(self.folder / name, self.record, check)

    def _read_outcome(self, trial_id: str) -> TrialOutcome | None:
        return read_outcome(self.folder, trial_id, self.objective.name, read_or_quarantine)

    def _restore_outcome(self, trial: Trial) -> None:
        """Restores a lost outcome from the trial's own file, which lacks only the time."""
        values = {name: trial.metrics.get_last_value(name) for name in trial.metrics.metrics}
        completed = trial.status == TrialStatus.COMPLETED
        outcome = TrialOutcome(
            COMPLETED if completed else FAILED,
            trial.hyperparameters.get_config(),
            {name: float(value) for name, value in values.items() if completed},
            trial.best_step or 0,
            trial.message or (None if completed else "The reason is lost."),
            pruned=completed and trial.message is not None,
        )
        write_outcome(self.folder, trial.trial_id, outcome)

    def _read_trial(self, trial_id: str) -> Trial:
        """Reads a trial, or restores it from the other files of its folder."""
        check = partial(fault_in_trial, trial_id=trial_id, objective=self.objective.name)
        content = read_or_quarantine(trial_path(self.folder, trial_id) / TRIAL, TrialState, check)
        if content is not None:
            return Trial.from_state(content)
        outcome = self._read_outcome(trial_id)
        path = execution_path(self.folder, trial_id, 0) / RunFolder.settings_file
        run = read_or_warn(path, TrialRun)
        if outcome is not None:
            trial = Trial(hyperparameters_of(outcome.hyperparameters), trial_id)
        elif run is not None:
            trial = Trial(self.get_space(), trial_id)
            names = {one.name for one in trial.hyperparameters.space}
            trial.hyperparameters.values = {
                name: value
                for name, value in run["settings"]["hyperparameters"].items()
                if name in names or name.startswith(TUNERS_OWN)
            }
            trial.hyperparameters.ensure_active_values()
        else:
            logger.warning("All files of trial %s are lost; it counts as failed.", trial_id)
            message = "Its files were corrupt."
            trial = Trial(keras_tuner.HyperParameters(), trial_id, TrialStatus.FAILED, message)
        self._save_trial(trial)
        return trial
