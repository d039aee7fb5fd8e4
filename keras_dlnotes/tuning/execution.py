"""One execution of a trial: everything that its training depends on."""

from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner

from keras_dlnotes.runs.task import Splits
from keras_dlnotes.tuning.callbacks import copied_callbacks, scratch_callbacks
from keras_dlnotes.tuning.objectives import LogTotal
from keras_dlnotes.tuning.pruner import Pruner
from keras_dlnotes.tuning.recipes import Recipe


@dataclass(frozen=True)
class Execution:
    """One training of a trial's hyperparameters.

    Attributes:
        recipe: what to train.
        splits: the data.
        hp: the hyperparameters.
        objective: what to improve; None, for a custom `fit`, to derive it from what `fit` returns.
        epochs: the maximum number of epochs.
        seed: of the initial weights and the order of the examples.
        ancestor: folder of the execution that this one continues; None to start from scratch.
        is_dry: whether nothing of it is to be left.
        pruner: decides whether it ends early; None if it never does.
    """

    recipe: Recipe
    splits: Splits
    hp: keras_tuner.HyperParameters
    objective: keras_tuner.Objective | None
    epochs: int
    seed: int
    ancestor: Path | None = None
    is_dry: bool = False
    pruner: Pruner | None = None

    def callbacks(self, path: Path, resumes: bool) -> list[keras.callbacks.Callback]:
        """Returns the user's callbacks for the run in a folder, and whatever completes the logs."""
        content = self.recipe.callbacks
        if self.is_dry:
            found = scratch_callbacks(content, path)
        else:
            found = copied_callbacks(content, path, resumes)
        return [*found, LogTotal(self.objective)]
