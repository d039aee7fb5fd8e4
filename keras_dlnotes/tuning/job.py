"""What a process of a search needs to know, pickled for it."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import keras_tuner

from keras_dlnotes.tuning.folder import hyperparameters_of
from keras_dlnotes.tuning.oracles import Durable, make_oracle
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.trials import TrialSettings


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


def write_job(job: Job, path: Path) -> Path:
    """Pickles a job, with the functions of the user's own script."""
    path.write_bytes(cloudpickle.dumps(job))
    return path


def read_job(path: Path) -> Job:
    """Returns a job that a process of this user has pickled."""
    return pickle.loads(path.read_bytes())
