"""What a trial with a `fit` of the user's own leaves: its metrics, and the weights they are of."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner

from keras_dlnotes.runs import RunState
from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.runs.records import read_record, write_record
from keras_dlnotes.tuning.folder import logger
from keras_dlnotes.tuning.outcomes import best_row, metrics_of, rows_of
from keras_dlnotes.tuning.recorder import TRAININGS, Recorder, Training

OUTCOME = "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """What an execution's folder says of the result of `fit`.

    Attributes:
        objective: the name of what was improved.
        direction: "min" or "max".
        is_plain: whether it is the History of the only training, from which another one can go on.
        has_weights: whether the weights are those that the metrics are of.
    """

    objective: str
    direction: Literal["min", "max"]
    is_plain: bool
    has_weights: bool


def read_outcome(path: Path) -> Outcome | None:
    """Returns what an execution's folder says of the result of `fit`; None where it has none."""
    return read_record(path / OUTCOME, Outcome)


def is_plain(result: Any, recorder: Recorder) -> bool:
    """Tells whether the result is the History of the only training."""
    return len(recorder.trainings) == 1 and _training_of(result, recorder) is not None


def _training_of(result: Any, recorder: Recorder) -> Training | None:
    """Returns the training whose History was returned."""
    if isinstance(result, list) and len(result) == 1:
        return _training_of(result[0], recorder)
    if not isinstance(result, keras.callbacks.History):
        return None
    return next((entry for entry in recorder.trainings if entry.history is result), None)


def keep(
    path: Path,
    model: keras.Model,
    result: Any,
    recorder: Recorder,
    objective: keras_tuner.Objective,
) -> RunState:
    """Leaves the metrics of a result in the folder, with the weights that they are of."""
    training = _training_of(result, recorder)
    has_weights = True
    if training is not None and training.state.history:
        best_row(training.state.history, objective)  # raises where there is no objective
        if training.checkpoints.path != path / CHECKPOINTS:
            shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)
            shutil.copytree(training.checkpoints.path, path / CHECKPOINTS)
        state = training.state
    else:
        metrics = metrics_of(result, objective)
        has_weights = bring_weights(model, result, metrics[objective.name], recorder, objective)
        if not model.built:  # it was not even called
            model, has_weights = keras.Sequential([keras.Input((1,))]), False
        shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)
        best = {"best": metrics[objective.name], "best_epoch": 0, "wait": 0}
        seconds = sum(entry.state.seconds for entry in recorder.trainings)
        state = RunState(1, [metrics], seconds, stopped=True, early_stopping=best)
        Checkpoints(path / CHECKPOINTS).save(model, state)
    can_go_on = is_plain(result, recorder)
    outcome = Outcome(objective.name, objective.direction, can_go_on, has_weights)
    write_record(path / OUTCOME, asdict(outcome))
    shutil.rmtree(path / TRAININGS, ignore_errors=True)
    return state


def bring_weights(
    model: keras.Model,
    result: Any,
    value: float,
    recorder: Recorder,
    objective: keras_tuner.Objective,
) -> bool:
    """Gives the model the weights that a result is of, and tells whether there are any.

    They are those of the epoch that the value was reached in, where it is an epoch's; those of the
    best epoch, for the mean of several trainings or for trainings of other models than this; and
    otherwise what the model has now.
    """
    trainings = [entry for entry in recorder.trainings if entry.state.epoch]
    if isinstance(result, keras.callbacks.History):  # of a training without our callbacks
        rows = rows_of(result)
        return best_row(rows, objective)[0] == len(rows) - 1
    chosen = [entry for entry in trainings if entry.best == value]
    are_means = isinstance(result, list) and len(result) > 1
    if are_means or (trainings and all(entry.model is not model for entry in trainings)):
        chosen = sorted(trainings, key=lambda entry: entry.sort_key(objective))[:1]
    if chosen:
        try:
            chosen[-1].checkpoints.restore_best(model, chosen[-1].state)
        except Exception:  # the weights of a model of another form
            logger.warning("The weights of the best epoch do not fit the model.", exc_info=True)
            return False
    return True
