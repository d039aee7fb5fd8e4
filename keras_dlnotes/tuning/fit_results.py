"""What a trial with a custom `fit` saves: its metrics and the matching weights."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner

from keras_dlnotes.runs.checkpoints import Checkpoints, EarlyStoppingState, RunState
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.runs.records import read_record, write_record
from keras_dlnotes.tuning.fit_metrics import best_row, metrics_of, rows_of
from keras_dlnotes.tuning.folder import logger
from keras_dlnotes.tuning.recorder import TRAININGS, Recorder, Training

FIT_RESULT = "outcome.json"


@dataclass(frozen=True)
class FitResult:
    """What an execution's folder records of the result of `fit`.

    Attributes:
        objective: the name of the objective.
        direction: "min" or "max".
        is_plain: whether the result is the History of the only training, so that it can be resumed.
        has_weights: whether the saved weights are those that the metrics belong to.
    """

    objective: str
    direction: Literal["min", "max"]
    is_plain: bool
    has_weights: bool


def read_fit_result(path: Path) -> FitResult | None:
    """Returns what an execution's folder records of the result of `fit`, or None."""
    return read_record(path / FIT_RESULT, FitResult)


def is_plain(result: Any, recorder: Recorder) -> bool:
    """Returns whether the result is the History of the only training."""
    return len(recorder.trainings) == 1 and _training_of(result, recorder) is not None


def _training_of(result: Any, recorder: Recorder) -> Training | None:
    """Returns the training whose History was returned."""
    if isinstance(result, list) and len(result) == 1:
        return _training_of(result[0], recorder)
    if not isinstance(result, keras.callbacks.History):
        return None
    return next((entry for entry in recorder.trainings if entry.history is result), None)


def save_fit_result(
    path: Path,
    model: keras.Model | None,
    result: Any,
    recorder: Recorder,
    objective: keras_tuner.Objective,
    origin: str = "HyperModel.fit",
    seconds: float | None = None,
) -> RunState:
    """Saves the metrics of a result in the folder, with the matching weights."""
    training = _training_of(result, recorder)
    has_weights = True
    if training is not None and training.state.history:
        best_row(training.state.history, objective)  # raises if the objective is missing
        if training.checkpoints.path != path / CHECKPOINTS:
            shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)
            shutil.copytree(training.checkpoints.path, path / CHECKPOINTS)
        state = training.state
    else:
        metrics = metrics_of(result, objective, origin)
        has_weights = restore_weights(model, result, metrics[objective.name], recorder, objective)
        if model is None or not model.built:  # it was never called
            model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
            has_weights = False
        shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)
        best = EarlyStoppingState(best=metrics[objective.name], best_epoch=0, wait=0)
        if seconds is None:
            seconds = sum(entry.state.seconds for entry in recorder.trainings)
        state = RunState(1, [metrics], seconds, stopped=True, early_stopping=best)
        Checkpoints(path / CHECKPOINTS).save(model, state)
    can_go_on = is_plain(result, recorder)
    fit_result = FitResult(objective.name, objective.direction, can_go_on, has_weights)
    write_record(path / FIT_RESULT, asdict(fit_result))
    shutil.rmtree(path / TRAININGS, ignore_errors=True)
    return state


def restore_weights(
    model: keras.Model | None,
    result: Any,
    value: float,
    recorder: Recorder,
    objective: keras_tuner.Objective,
) -> bool:
    """Restores the weights that a result belongs to; returns whether they are available.

    If the value is an epoch's, they are the weights of that epoch; for the mean of several
    trainings, or trainings of other models, those of the best epoch; otherwise the current ones.
    """
    trainings = [entry for entry in recorder.trainings if entry.state.epoch]
    if isinstance(result, keras.callbacks.History):  # from a training without our callbacks
        rows = rows_of(result)
        return best_row(rows, objective)[0] == len(rows) - 1
    chosen = [entry for entry in trainings if entry.best == value]
    are_means = isinstance(result, list) and len(result) > 1
    if are_means or (trainings and all(entry.model is not model for entry in trainings)):
        chosen = sorted(trainings, key=lambda entry: entry.sort_key(objective))[:1]
    if chosen:
        try:
            chosen[-1].checkpoints.restore_best(model, chosen[-1].state)
        except Exception:  # a model of another architecture
            logger.warning("The weights of the best epoch do not fit the model.", exc_info=True)
            return False
    return True
