"""What a process of a search has to know, and how it gets there."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.trials import Conditions


@dataclass(frozen=True)
class Job:
    """All that a process of a search has to know.

    Attributes:
        recipe: what to train.
        conditions: what all trials have in common.
        folder: of the search.
        oracle: arguments of `make_oracle`.
    """

    recipe: Recipe
    conditions: Conditions
    folder: Path
    oracle: dict[str, Any]


def write_job(job: Job, path: Path) -> Path:
    """Pickles a job; functions of the user's own script travel with it."""
    path.write_bytes(cloudpickle.dumps(job))
    return path


def read_job(path: Path) -> Job:
    """Returns a job that a process of this user has pickled."""
    return pickle.loads(path.read_bytes())
