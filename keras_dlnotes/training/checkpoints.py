"""The state of a run after its last finished epoch, from which it goes on exactly."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras

from keras_dlnotes.training.files import atomic_path, remove_partial, write_json
from keras_dlnotes.training.generators import generator_states
from keras_dlnotes.training.run_folder import RunFolderError

STATE = "state.json"


@dataclass
class RunState:
    """All that a run needs to go on, besides the weights and the optimizer's variables.

    Attributes:
        epoch: number of finished epochs.
        history: the logs of each of them, first to last.
        seconds: time spent on them.
        stopped: whether training has stopped by itself.
        early_stopping: see `EarlyStopping.state`; its "best_epoch" counts from 0.
        random_seeds: states of the model's seed generators, which no Keras file holds.
        generators: states of the backend's own generators, where a model draws from them, too.
        checksums: name → SHA-256 of the weight files that belong to this state.
    """

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    early_stopping: dict[str, Any] = field(default_factory=dict)
    random_seeds: list[list[int]] = field(default_factory=list)
    generators: list[str] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)


class Checkpoints:
    """Keeps the state of the last finished epoch and the weights of the best one.

    A state becomes the current one in the moment in which its small JSON file takes the place of
    the previous one; the weight files that it names were whole by then, and those that only the
    previous one named are removed after.

    Args:
        path: folder for the checkpoints; made by the first `save`.
    """

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> RunState:
        """Returns the last saved state, or a new one where there is none."""
        path = self.path / STATE
        try:
            return RunState(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return RunState()
        except (ValueError, TypeError) as error:
            raise _corrupt(path) from error

    def save(self, model: keras.Model, state: RunState) -> None:
        """Makes the model's weights, optimizer, random seeds and the state the current ones."""
        self.path.mkdir(exist_ok=True)
        name = _weights_name(state.epoch)
        with atomic_path(self.path / name) as partial:
            model.save_weights(partial)
            checksum = _checksum(partial)
        best = _weights_name(state.early_stopping["best_epoch"] + 1)
        state.checksums = {best: state.checksums.get(best), name: checksum}
        state.random_seeds = [
            keras.ops.convert_to_numpy(variable).tolist() for variable in _seed_variables(model)
        ]
        state.generators = generator_states()
        write_json(self.path / STATE, asdict(state))
        for file in self.path.glob(_weights_name("*")):
            if file.name not in state.checksums:
                file.unlink()

    def restore(self, model: keras.Model, state: RunState) -> list[Any]:
        """Brings a newly built and compiled model to the state.

        Returns:
            The weights of the best epoch, as `model.get_weights()` gives them.
        """
        remove_partial(self.path)
        self.restore_best(model, state)
        best_weights = model.get_weights()
        self._load_weights(model, state, state.epoch)
        for variable, value in zip(_seed_variables(model), state.random_seeds, strict=True):
            variable.assign(value)
        return best_weights

    def restore_best(self, model: keras.Model, state: RunState) -> None:
        """Gives a newly built and compiled model the weights of the best epoch."""
        model.optimizer.build(model.trainable_variables)
        self._load_weights(model, state, state.early_stopping["best_epoch"] + 1)

    def _load_weights(self, model: keras.Model, state: RunState, epoch: int) -> None:
        path = self.path / _weights_name(epoch)
        try:
            intact = _checksum(path) == state.checksums[path.name]
        except (OSError, KeyError) as error:
            raise _corrupt(path) from error
        if not intact:
            raise _corrupt(path)
        model.load_weights(path)


def _weights_name(epoch: int | str) -> str:
    return f"epoch-{epoch}.weights.h5"


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _corrupt(path: Path) -> RunFolderError:
    return RunFolderError(
        f"Checkpoint file {path} is missing or corrupt. Start anew (--overwrite, overwrite=True)."
    )


def _seed_variables(model: keras.Model) -> list[keras.Variable]:
    """A model's variables are its weights, the state of its metrics and that of its seeds."""
    others = {id(variable) for variable in model.weights + model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in others]
