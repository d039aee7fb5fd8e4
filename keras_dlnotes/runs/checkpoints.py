"""Checkpoints: the exact state of a run after its last finished epoch."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

import keras
import numpy as np

from keras_dlnotes.common.files import remove_partial, write_bytes
from keras_dlnotes.runs.callback_states import CallbackStates
from keras_dlnotes.runs.random_state import random_states
from keras_dlnotes.runs.records import (
    CorruptRecordError,
    RunFolderError,
    read_file,
    read_record,
    unreadable,
    write_record,
)
from keras_dlnotes.runs.schema import Count, Seconds, matching
from keras_dlnotes.runs.serialization import weights_content
from keras_dlnotes.runs.strategies import scope_of

STATE = "state.json"


class EarlyStoppingState(TypedDict):
    """See `EarlyStopping.state`; its epochs count from 0."""

    best: float | None
    best_epoch: Count
    wait: Count


@dataclass
class RunState:
    """The state of a run, apart from its weights and optimizer variables.

    Attributes:
        epoch: number of finished epochs.
        history: the logs of each epoch.
        seconds: training time.
        stopped: whether training stopped early.
        early_stopping: see `EarlyStoppingState`.
        random_seeds: states of the model's seed generators, which Keras's files leave out.
        generators: states of the backend's own random generators, if models draw from them.
        checksums: name → SHA-256 of the files of this state: weights, and the callbacks' states.
    """

    epoch: Count = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: Seconds = 0.0
    stopped: bool = False
    early_stopping: EarlyStoppingState = field(
        default_factory=lambda: EarlyStoppingState(best=None, best_epoch=0, wait=0)
    )
    random_seeds: list[list[Count]] = field(default_factory=list)
    generators: list[Annotated[str, matching("[A-Za-z0-9+/]+=*")]] = field(default_factory=list)
    checksums: dict[str, Annotated[str, matching("[0-9a-f]{64}")]] = field(default_factory=dict)

    later = ("generators",)


class Checkpoints:
    """Keeps the state of the last finished epoch and the weights of the best one.

    A state becomes current when its JSON file atomically replaces the previous one. The weight
    files that it names are complete by then; those that only the previous one named are removed
    afterwards.

    Args:
        path: folder for the checkpoints; created by the first `save`.
    """

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> RunState:
        """Returns the last saved state, or a new one if there is none."""
        path = self.path / STATE
        try:
            return read_state(self.path) or RunState()
        except CorruptRecordError as error:
            raise _corrupt(path, error.fault) from error

    def save(
        self, model: keras.Model, state: RunState, callbacks: CallbackStates | None = None
    ) -> None:
        """Saves the model's weights, optimizer, random seeds, its callbacks and the state."""
        self.path.mkdir(exist_ok=True)
        name = _weights_name(state.epoch)
        content = weights_content(model)
        write_bytes(self.path / name, content)
        checksum = hashlib.sha256(content).hexdigest()
        best = _weights_name(state.early_stopping["best_epoch"] + 1)
        state.checksums = {best: state.checksums.get(best, checksum), name: checksum}
        if callbacks:
            name, states = _callbacks_name(state.epoch), callbacks.content()
            write_bytes(self.path / name, states)
            state.checksums[name] = hashlib.sha256(states).hexdigest()
        state.random_seeds = [
            keras.ops.convert_to_numpy(variable).tolist() for variable in _seed_variables(model)
        ]
        state.generators = random_states()
        write_record(self.path / STATE, asdict(state))
        for file in self.path.glob("epoch-*"):
            if file.name not in state.checksums:
                file.unlink()

    def restore(self, model: keras.Model, state: RunState) -> list[Any]:
        """Restores a newly built and compiled model to the state.

        Returns:
            The weights of the best epoch, as from `model.get_weights()`.
        """
        remove_partial(self.path)
        self.restore_best(model, state)
        best_weights = model.get_weights()
        self._load_weights(model, state, state.epoch)
        variables = _seed_variables(model)
        if [np.shape(seed) for seed in state.random_seeds] != [one.shape for one in variables]:
            raise RunFolderError(
                f"Checkpoint file {self.path / STATE} is of another model: it has "
                f"{len(state.random_seeds)} random seeds, not {len(variables)}."
            )
        for variable, value in zip(variables, state.random_seeds, strict=True):
            variable.assign(value)
        return best_weights

    def restore_callbacks(self, callbacks: CallbackStates, state: RunState) -> None:
        """Restores callbacks whose training has just begun, if the state has saved them."""
        path = self.path / _callbacks_name(state.epoch)
        if path.name in state.checksums:
            self._check(path, state)
            callbacks.restore(path.read_bytes())

    def restore_best(self, model: keras.Model, state: RunState) -> None:
        """Loads the weights of the best epoch into a newly built and compiled model."""
        if getattr(model, "optimizer", None) is not None:
            with scope_of(model):
                model.optimizer.build(model.trainable_variables)
        self._load_weights(model, state, state.early_stopping["best_epoch"] + 1)

    def _load_weights(self, model: keras.Model, state: RunState, epoch: int) -> None:
        path = self.path / _weights_name(epoch)
        self._check(path, state)
        try:
            model.load_weights(path)
        except OSError as error:
            raise unreadable(path, error) from error

    def _check(self, path: Path, state: RunState) -> None:
        found = _checksum(path)
        if found is None or found != state.checksums.get(path.name):
            fault = "it is missing" if found is None else f"{STATE} names another checksum"
            raise _corrupt(path, fault)


def read_state(checkpoints: Path, read: Callable[..., Any] = read_record) -> RunState | None:
    """Returns the state in a folder of checkpoints; see `read_record`."""
    return read(checkpoints / STATE, RunState, _contradiction)


def _weights_name(epoch: int | str) -> str:
    return f"epoch-{epoch}.weights.h5"


def _callbacks_name(epoch: int) -> str:
    return f"epoch-{epoch}.callbacks"


def _checksum(path: Path) -> str | None:
    return read_file(path, lambda file: hashlib.file_digest(file, "sha256").hexdigest())


def _contradiction(state: RunState) -> str | None:
    """Returns how a saved state contradicts itself, if it does."""
    epochs, stopping = len(state.history), state.early_stopping
    if state.epoch != epochs or not epochs:
        return f"`epoch` is {state.epoch}, but `history` has {epochs} rows"
    if not all(state.history):
        return "`history` has an empty row"
    if stopping["best_epoch"] >= epochs or stopping["wait"] > epochs:
        return f"`early_stopping` counts beyond the {epochs} rows of `history`"
    best, values = stopping["best"], state.history[stopping["best_epoch"]].values()
    if best is not None and best not in values and not math.isnan(best):
        return f"`early_stopping.best` is {best}, which is not in the best row"
    return None


def _corrupt(path: Path, fault: str) -> CorruptRecordError:
    return CorruptRecordError(
        f"Checkpoint file {path} is missing or corrupt: {fault}. Start anew (--overwrite, "
        "overwrite=True).",
        fault,
    )


def _seed_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the variables that are neither weights nor metrics: the seeds."""
    others = {id(variable) for variable in model.weights + model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in others]
