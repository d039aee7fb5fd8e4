"""Loggers that record the trials of a search elsewhere."""

import importlib
from typing import Any, Protocol

from keras_dlnotes.common.checks import argument_error, text
from keras_dlnotes.tuning.folder import COMPLETED
from keras_dlnotes.tuning.records import TrialRecord

TRIAL_TAG = "keras_dlnotes.trial"
SEARCH_TAG = "keras_dlnotes.search"


class TrialLogger(Protocol):
    """Receives each trial when it has ended, and again when a search is resumed."""

    def log(self, search: str, trial: TrialRecord) -> None:
        """Logs a trial, unless it is logged already.

        Args:
            search: the absolute path of the search's folder.
            trial: a trial that has ended.
        """


class MLflowLogger:
    """Logs each trial as a run of an MLflow experiment.

    The run's parameters are the hyperparameters, and its metrics each epoch's logs; metrics of
    further executions are prefixed with the number of the execution.

    Args:
        experiment: name of the experiment, which is created if it does not exist.
        tracking_uri: where MLflow stores its runs, such as "sqlite:///runs.db" or
            "http://host:5000"; None for MLflow's own setting.

    Raises:
        ValueError: if MLflow is not installed.

    Example:

    >>> search("digits", loggers=[MLflowLogger("digits")])    # doctest: +SKIP
    """

    def __init__(self, experiment: str, tracking_uri: str | None = None):
        text("experiment", experiment)
        if tracking_uri is not None:
            text("tracking_uri", tracking_uri)
        try:
            mlflow = importlib.import_module("mlflow")
        except ImportError as error:
            hint = "Install it: pip install mlflow-skinny"
            expected = "left out where MLflow is not installed"
            raise argument_error("experiment", expected, experiment, hint) from error
        self._client = mlflow.MlflowClient(tracking_uri)
        self._entities = mlflow.entities
        found = self._client.get_experiment_by_name(experiment)
        self._experiment = (
            self._client.create_experiment(experiment) if found is None else found.experiment_id
        )

    def log(self, search: str, trial: TrialRecord) -> None:
        """Logs a trial, unless it is logged already."""
        tags = {SEARCH_TAG: search, TRIAL_TAG: trial.name}
        condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        earlier = self._client.search_runs([self._experiment], condition)
        if any(run.info.status in ("FINISHED", "FAILED") for run in earlier):
            return
        for run in earlier:  # a logger that was killed
            self._client.delete_run(run.info.run_id)
        run = self._client.create_run(self._experiment, tags=tags, run_name=f"trial {trial.name}")
        self._client.log_batch(run.info.run_id, self._metrics(trial), self._parameters(trial))
        status = "FINISHED" if trial.status == COMPLETED else "FAILED"
        self._client.set_terminated(run.info.run_id, status)

    def _parameters(self, trial: TrialRecord) -> list[Any]:
        values = trial.hyperparameters.items()
        return [self._entities.Param(name, str(value)) for name, value in values]

    def _metrics(self, trial: TrialRecord) -> list[Any]:
        """Returns the last 1000 metrics, as many as MLflow takes at once."""
        metrics = [
            self._entities.Metric(f"{execution}/{name}" if execution else name, value, 0, epoch)
            for execution, history in trial.histories.items()
            for epoch, row in enumerate(history, start=1)
            for name, value in row.items()
        ]
        return metrics[-1000:]
