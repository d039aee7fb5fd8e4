"""The best execution of a search: its model with its weights, and the same training repeated."""

import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.runs.checkpoints import Checkpoints, RunState
from keras_dlnotes.runs.folder import CHECKPOINTS, RunFolder
from keras_dlnotes.runs.resumable import fit_resumable
from keras_dlnotes.runs.strategies import scope_of
from keras_dlnotes.runs.task import Outcome, Splits
from keras_dlnotes.training.building import built_on
from keras_dlnotes.tuning.custom_fit import train_again
from keras_dlnotes.tuning.execution import Execution
from keras_dlnotes.tuning.fit_results import FitResult, read_fit_result
from keras_dlnotes.tuning.recipes import Recipe


@dataclass(frozen=True)
class BestExecution:
    """The best execution of the best trial.

    Attributes:
        path: its folder.
        hp: the trial's hyperparameters.
        epochs: number of the trial's best epoch.
        recipe: what was trained.
        splits: the data.
        seed: of the execution.
    """

    path: Path
    hp: keras_tuner.HyperParameters
    epochs: int
    recipe: Recipe
    splits: Splits
    seed: int

    @functools.cached_property
    def state(self) -> RunState:
        """The state after its last epoch."""
        return self._checkpoints.read()

    @property
    def has_weights(self) -> bool:
        """Whether the weights of the best metrics are saved."""
        return self._fit_result is None or self._fit_result.has_weights

    def model(self) -> keras.Model:
        """Returns the model with the weights of the best epoch."""
        model = self.recipe.build(self.hp, self.splits)
        with scope_of(model):
            built_on(model, lambda: self.recipe.first_batches(self.splits, self.hp, self.seed))
        self._checkpoints.restore_best(model, self.state)
        return model

    def outcome(self) -> Outcome:
        """Returns the best model with its history and, for a task, its scores."""
        model, task = self.model(), self.recipe.task_for(self.hp)
        scores = {} if task is None else task.score(model, self.splits)
        best_epoch = self.state.early_stopping["best_epoch"] + 1
        splits = self.splits
        if not isinstance(splits.training, tuple):  # a page shows the shape of the inputs
            splits = replace(splits, training=self.recipe.first_batches(splits, self.hp, 0)[0])
        return Outcome(model, splits, scores, self.state.history, best_epoch)

    def retrained(self, data: Any, epochs: int | None, verbose: str | int) -> keras.Model:
        """Returns a new model, trained on these data in the same way and for as many epochs."""
        if self.recipe.has_custom_fit:
            return self._retrained_with_custom_fit(data, epochs, verbose)
        keras.utils.set_random_seed(self.seed)
        model = self.recipe.build(self.hp, self.splits)
        with tempfile.TemporaryDirectory() as scratch, RunFolder(scratch, {}) as folder:
            fit_resumable(
                model,
                data,
                None,
                folder,
                epochs=epochs or self.epochs,
                batch_size=self.recipe.batch_size_of(self.hp),
                seed=self.seed,
                batches=self.recipe.batches,
                carry_states=self.recipe.carry_states,
                verbose=verbose,
                **self.recipe.fit_arguments,
            )
        return model

    def _retrained_with_custom_fit(
        self, data: Any, epochs: int | None, verbose: str | int
    ) -> keras.Model:
        recipe = self.recipe
        if epochs is not None:
            recipe = replace(recipe, asked=recipe.asked | {"epochs"})
        elif self._fit_result is None or self._fit_result.is_plain:
            epochs = self.epochs
        else:  # it has no epochs of ours
            epochs = self.hp.values.get("tuner/epochs", recipe.epochs)
        execution = Execution(recipe, self.splits, self.hp, None, epochs, self.seed)
        return train_again(execution, data, verbose)

    @functools.cached_property
    def _fit_result(self) -> FitResult | None:
        return read_fit_result(self.path)

    @property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / CHECKPOINTS)
