"""What a process of a search needs to know, pickled for it."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import cloudpickle
import keras_tuner
import numpy as np

from keras_dlnotes.tuning.durable import Durable
from keras_dlnotes.tuning.folder import hyperparameters_of
from keras_dlnotes.tuning.objectives import objective_of
from keras_dlnotes.tuning.oracles import make_oracle
from keras_dlnotes.tuning.pruning import rule_of
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.trials import TrialSettings

LARGE = 2**20  # bytes


@dataclass(frozen=True)
class Job:
    """What a process of a search needs to know.

    Attributes:
        recipe: what to train.
        trial_settings: what all trials have in common.
        folder: of the search.
        oracle: arguments of `make_oracle`.
    """

    recipe: Recipe
    trial_settings: TrialSettings
    folder: Path
    oracle: dict[str, Any]

    @property
    def objective(self) -> keras_tuner.Objective:
        """What to improve, once the preflight has derived it."""
        return self.trial_settings.objective

    def make_oracle(self, space: Mapping[str, Any], seed: int) -> Durable:
        """Returns the search's oracle for the configuration of a space, before `reload`."""
        return make_oracle(
            objective=self.objective,
            space=hyperparameters_of(space),
            epochs=self.recipe.epochs,
            seed=seed,
            folder=self.folder,
            **self.oracle,
        )


def job_of(recipe: Recipe, path: Path, settings: Mapping[str, Any]) -> Job:
    """Returns the job of a search's processes."""
    arguments = settings["tuner_arguments"]
    objective = objective_of(
        settings["objective"], settings["direction"], settings.get("objectives")
    )
    trial_settings = TrialSettings(
        objective,
        settings["executions"],
        settings["seed"],
        arguments.get("max_retries_per_trial", 0),
        arguments.get("allow_new_entries", True),
        rule_of(settings.get("pruning")),
    )
    oracle = {
        "tuner": settings["tuner"],
        "max_trials": settings["max_trials"],
        "arguments": arguments,
        "initial": settings.get("initial_configurations", []),
    }
    recipe = replace(recipe, asked=frozenset(settings.get("asked", ())))
    return Job(recipe, trial_settings, path.absolute(), oracle)


def oracle_of(settings: Mapping[str, Any], folder: Path) -> Durable:
    """Returns the oracle of a search's settings, for a process that only looks at it."""
    return make_oracle(
        objective=keras_tuner.Objective(settings["objective"], settings["direction"]),
        space=hyperparameters_of(settings["space"]),
        epochs=settings["epochs"],
        seed=0,
        folder=folder,
        tuner=settings["tuner"],
        max_trials=settings["max_trials"],
        arguments=settings["tuner_arguments"],
    )


def write_job(job: Job, path: Path) -> Path:
    """Pickles a job, with the functions of the user's own script; large arrays are files beside."""
    with path.open("wb") as file:
        _Pickler(file, path).dump(job)
    return path


def read_job(path: Path) -> Job:
    """Returns a job that a process of this user has pickled."""
    with path.open("rb") as file:
        return _Unpickler(file).load()


class _Pickler(cloudpickle.Pickler):
    """Keeps large arrays in files, which all trials map into their memory."""

    def __init__(self, file: BinaryIO, path: Path):
        super().__init__(file)
        self._path = path
        self._written: dict[int, tuple[Any, ...]] = {}
        self._kept: list[np.ndarray] = []  # so that no other array gets its id

    def persistent_id(self, value: Any) -> Any:
        is_array = type(value) in (np.ndarray, np.memmap) and not value.dtype.hasobject
        if not is_array or value.nbytes < LARGE:
            return None
        if id(value) not in self._written:
            self._kept.append(value)
            self._written[id(value)] = self._mapped(value) or self._copied(value)
        return self._written[id(value)]

    def _mapped(self, value: np.ndarray) -> tuple[Any, ...] | None:
        """Returns where an array lies in the file that it is mapped from, if it is contiguous."""
        root: Any = value
        while isinstance(root.base, np.ndarray):
            root = root.base
        if not isinstance(root, np.memmap) or root.filename is None or root.mode == "c":
            return None
        if not value.flags.c_contiguous:
            return None
        offset = root.offset + value.ctypes.data - root.ctypes.data
        return str(root.filename), value.dtype, offset, value.shape

    def _copied(self, value: np.ndarray) -> tuple[Any, ...]:
        path = self._path.with_name(f"{self._path.stem}-{len(self._written)}.array")
        content = np.ascontiguousarray(value)
        content.tofile(path)
        return str(path), content.dtype, 0, content.shape


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, place: Any) -> np.memmap:
        path, dtype, offset, shape = place
        # a trial may write to its own copy
        return np.memmap(path, dtype, "c", offset, shape)
