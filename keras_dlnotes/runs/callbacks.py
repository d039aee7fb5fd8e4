"""Callbacks of a fit that can be resumed in another process."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import keras

from keras_dlnotes.common.graph import layers_of
from keras_dlnotes.runs.callback_states import CallbackStates
from keras_dlnotes.runs.checkpoints import Checkpoints, EarlyStoppingState, RunState
from keras_dlnotes.runs.feeds import Feed
from keras_dlnotes.runs.random_state import set_random_states
from keras_dlnotes.training.carried_states import CarriedStates


class EarlyStopping(keras.callbacks.EarlyStopping):
    """`keras.callbacks.EarlyStopping` whose state can be saved and restored."""

    _resumed: tuple[EarlyStoppingState, list[Any]] | None = None

    def state(self) -> EarlyStoppingState:
        """Returns the callback's state except for the best weights, as JSON values."""
        best = None if self.best is None else float(self.best)
        return {"best": best, "best_epoch": self.best_epoch, "wait": self.wait}

    def resume_from(self, state: EarlyStoppingState, best_weights: list[Any]) -> None:
        """Makes the next `fit` start from this state and these best weights."""
        self._resumed = state, best_weights

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self._resumed is not None:
            state, self.best_weights = self._resumed
            self.best, self.best_epoch = state["best"], state["best_epoch"]
            self.wait = state["wait"]


class CarryStates(keras.callbacks.Callback):
    """Starts each epoch, and each row of the validation data, from the initial states."""

    def __init__(self, carried: CarriedStates):
        super().__init__()
        self._carried = carried
        self.validation = contextlib.ExitStack()  # to close if an exception ends the fit

    def on_epoch_begin(self, epoch, logs=None):
        self._carried.start_all()

    def on_test_begin(self, logs=None):
        self.validation.enter_context(self._carried.validating())

    def on_test_end(self, logs=None):
        self.validation.close()


class BeginValidation(keras.callbacks.Callback):
    """Tells a source of validation data when it is read in which epoch."""

    def __init__(self, feed: Feed):
        super().__init__()
        self._feed = feed
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_test_begin(self, logs=None):
        self._feed.begin(self._epoch)


class StartStates(keras.callbacks.Callback):
    """Starts each epoch from the initial states of stateful layers, which are not saved."""

    def on_epoch_begin(self, epoch, logs=None):
        for layer in layers_of(self.model):
            if isinstance(layer, keras.layers.RNN) and layer.stateful:
                for state in keras.tree.flatten(layer.states):  # in levels, for stacked cells
                    state.assign(keras.ops.zeros_like(state.value))


class RestoreRandomState(keras.callbacks.Callback):
    """Restores the random state when the first epoch begins: `fit` draws from it before that.

    Args:
        states: from `random_states`; empty for a new run.
    """

    def __init__(self, states: list[str]):
        super().__init__()
        self._states = states

    def on_epoch_begin(self, epoch, logs=None):
        set_random_states(self._states)
        self._states = []


class SaveState(keras.callbacks.Callback):
    """Saves the run's state, and that of a user's callbacks, at the end of each epoch.

    It comes after all other callbacks, and restores theirs when training begins.

    Without early stopping, the last epoch counts as the best.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        state: RunState,
        early_stopping: EarlyStopping | None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        super().__init__()
        self._checkpoints = checkpoints
        self._state = state
        self._early_stopping = early_stopping
        self._callbacks = CallbackStates(callbacks)

    def on_train_begin(self, logs=None):
        self._callbacks.begin()
        self._checkpoints.restore_callbacks(self._callbacks, self._state)
        self._started = time.perf_counter() - self._state.seconds

    def on_epoch_end(self, epoch, logs=None):
        state = self._state
        state.epoch = epoch + 1
        state.history.append({name: float(value) for name, value in logs.items()})
        state.seconds = time.perf_counter() - self._started
        state.stopped = self.model.stop_training
        state.early_stopping = {"best": None, "best_epoch": epoch, "wait": 0}
        if self._early_stopping is not None:
            state.early_stopping = self._early_stopping.state()
        self._checkpoints.save(self.model, state, self._callbacks)
