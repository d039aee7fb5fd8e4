"""The callback that a hypermodel's custom `fit` gets: it records what each training logs."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.common.metrics import SIGNS
from keras_dlnotes.runs.callback_states import CallbackStates
from keras_dlnotes.runs.callbacks import RestoreRandomState
from keras_dlnotes.runs.checkpoints import Checkpoints, RunState
from keras_dlnotes.runs.folder import CHECKPOINTS, HISTORY, LOGS
from keras_dlnotes.runs.logs import HistoryFile, TensorBoardLogs, writes_tensorboard
from keras_dlnotes.tuning.objectives import completed
from keras_dlnotes.tuning.pruner import Pruner

TRAININGS = "trainings"  # which a killed trial cannot resume


class NotResumableError(Exception):
    """A custom `fit` that does not start at the requested epoch."""


class Training:
    """One call of `model.fit`, or one loop that calls the callbacks.

    Attributes:
        checkpoints: of its last and of its best epoch.
        state: its progress.
        model: the model that is trained.
        history: Keras's own record of it.
    """

    def __init__(self, path: Path, model: keras.Model, state: RunState | None = None):
        self.checkpoints = Checkpoints(path)
        self.state = RunState() if state is None else state
        self.model = model
        self.history: keras.callbacks.History | None = getattr(model, "history", None)

    @property
    def best(self) -> float | None:
        """The objective of the best epoch, or None."""
        return self.state.early_stopping["best"]

    def sort_key(self, objective: keras_tuner.Objective) -> float:
        """Lower is better."""
        if self.best is None or math.isnan(self.best):
            return math.inf
        return SIGNS[objective.direction] * self.best


class Recorder(keras.callbacks.Callback):
    """Records the epochs of every training within a `fit`, with the weights of the best ones.

    Apart from early stopping, it leaves the training unchanged. Custom training loops may call
    `on_epoch_end` alone.

    Args:
        path: the run folder.
        objective: defines the best epoch; "val_loss" does if it is not logged.
        patience: epochs without improvement after which a training stops; None for never.
        resumed: the state that the first training continues; None if it starts from scratch.
        is_resumable: whether another process may resume the first training.
        callbacks: the user's, which come before it in a training, and whose state it saves.
        pruner: decides whether the first training ends early; None if it never does.

    Attributes:
        trainings: in the order in which they started.
        resumed: as above.
    """

    def __init__(
        self,
        path: Path,
        objective: keras_tuner.Objective,
        patience: int | None,
        resumed: RunState | None = None,
        is_resumable: bool = True,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        pruner: Pruner | None = None,
    ):
        super().__init__()
        self.trainings: list[Training] = []
        self._path = path
        self._objective = objective
        self._patience = patience
        self.resumed = resumed
        self._is_resumable = is_resumable
        self._callbacks = CallbackStates(callbacks)
        self._pruner = pruner
        if pruner is not None:
            pruner.begin([] if resumed is None else resumed.history)
        self._is_training = False
        self._others: list[keras.callbacks.Callback] = []

    def on_train_begin(self, logs: Any = None) -> None:
        resumed = None if self.trainings else self.resumed
        training = Training(self._path / self._folder_name(), self.model, resumed)
        self.trainings.append(training)
        self._is_training = True
        self._started = time.perf_counter() - training.state.seconds
        self._callbacks.begin()
        self._others = [HistoryFile(self._path / HISTORY, training.state.history)]
        # TensorBoard's callback needs an optimizer
        if getattr(self.model, "optimizer", None) is not None and writes_tensorboard():
            self._others.append(TensorBoardLogs(self._path / LOGS))
        if resumed is not None:
            training.checkpoints.restore(self.model, resumed)
            training.checkpoints.restore_callbacks(self._callbacks, resumed)
            self._others.append(RestoreRandomState(resumed.generators))
        for other in self._others:
            other.set_params(self.params or {})
            other.set_model(self.model)
            other.on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._ensure_started()
        state = self.trainings[-1].state
        if state is self.resumed and epoch != state.epoch:
            raise NotResumableError
        for other in self._others:
            other.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = completed(self._objective, logs or {})
        row = {name: float(value) for name, value in logs.items()}
        if not row:
            return
        self._ensure_started()
        training = self.trainings[-1]
        state = training.state
        for other in self._others:
            other.on_epoch_end(state.epoch, row)
        state.epoch += 1
        state.history.append(row)
        state.seconds = time.perf_counter() - self._started
        self._update_best(state, row)
        waited = state.early_stopping["wait"]
        if (self._patience is not None and waited >= self._patience) or self._is_pruned(row):
            self.model.stop_training = True
        state.stopped = bool(getattr(self.model, "stop_training", False))
        training.checkpoints.path.mkdir(parents=True, exist_ok=True)
        training.checkpoints.save(self.model, state, self._callbacks)

    def on_train_end(self, logs: Any = None) -> None:
        for other in self._others:
            other.on_train_end(logs)
        self._others = []
        self._is_training = False

    def close(self) -> None:
        """Ends the training of a loop that calls `on_epoch_end` alone."""
        if self._is_training:
            self.on_train_end()

    def _is_pruned(self, row: dict[str, float]) -> bool:
        if self._pruner is None or len(self.trainings) > 1 or self.model.stop_training:
            return False
        epochs = (self.params or {}).get("epochs")
        return epochs is not None and self._pruner.ends_after(row, epochs)

    def _ensure_started(self) -> None:
        if not self._is_training:
            self.on_train_begin()

    def _folder_name(self) -> str:
        if self._is_resumable and not self.trainings:
            return CHECKPOINTS
        return f"{TRAININGS}/{len(self.trainings)}"

    def _update_best(self, state: RunState, row: dict[str, float]) -> None:
        """Records whether the last epoch is the best, as KerasTuner's `SaveBestEpoch` does."""
        epoch, found = state.epoch - 1, state.early_stopping
        objective = self._objective
        if objective.name not in row and "val_loss" in row:
            objective = keras_tuner.Objective("val_loss", "min")
        value = row.get(objective.name)
        if value is None:
            state.early_stopping = {"best": None, "best_epoch": epoch, "wait": 0}
        elif found["best"] is None or objective.better_than(value, found["best"]):
            state.early_stopping = {"best": value, "best_epoch": epoch, "wait": 0}
        else:
            state.early_stopping = found | {"wait": found["wait"] + 1}
