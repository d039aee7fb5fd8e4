"""The best training of a search: its model with its weights, and the same trained anew."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.runs import RunState, Splits
from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.training.building import built_on
from keras_dlnotes.tuning.keeping import Outcome, read_outcome
from keras_dlnotes.tuning.own_fit import train_again
from keras_dlnotes.tuning.recipes import Recipe


@dataclass(frozen=True)
class BestExecution:
    """The best execution of the best trial.

    Attributes:
        path: its folder.
        hp: the trial's hyperparameters.
        epochs: up to the trial's best one.
        recipe: what was trained.
        splits: the data.
        seed: of the search.
    """

    path: Path
    hp: keras_tuner.HyperParameters
    epochs: int
    recipe: Recipe
    splits: Splits
    seed: int

    @functools.cached_property
    def state(self) -> RunState:
        """The state of its last epoch."""
        return self._checkpoints.read()

    @property
    def has_weights(self) -> bool:
        """Whether the weights are saved that its best metrics are of."""
        return self._outcome is None or self._outcome.has_weights

    def model(self) -> keras.Model:
        """Returns the model with the weights of the best epoch."""
        model = self.recipe.build(self.hp, self.splits)
        built_on(model, self._batches(self.splits.training))
        self._checkpoints.restore_best(model, self.state)
        return model

    def retrained(
        self, arrays: tuple[Any, ...], epochs: int | None, verbose: str | int
    ) -> keras.Model:
        """Returns a new model, trained on these arrays for as long as the best one was."""
        if self.recipe.has_own_fit:
            return self._retrained_by_own_fit(arrays, epochs, verbose)
        keras.utils.set_random_seed(self.seed)
        model = self.recipe.build(self.hp, self.splits)
        batches = self._batches(arrays)
        order = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch)
        )
        epochs = epochs or self.epochs
        model.fit(batches, shuffle=False, epochs=epochs, verbose=verbose, callbacks=[order])
        return model

    def _retrained_by_own_fit(
        self, arrays: tuple[Any, ...], epochs: int | None, verbose: str | int
    ) -> keras.Model:
        recipe = self.recipe
        if epochs is not None:
            recipe = replace(recipe, asked=recipe.asked | {"epochs"})
        elif self._outcome is None or self._outcome.is_plain:
            epochs = self.epochs
        else:  # it has no epochs of ours
            epochs = self.hp.values.get("tuner/epochs", recipe.epochs)
        return train_again(recipe, self.splits, self.hp, arrays, epochs, self.seed, verbose)

    def _batches(self, arrays: tuple[Any, ...]) -> Any:
        return self.recipe.batches(arrays, self.recipe.batch_size_of(self.hp), self.seed)

    @functools.cached_property
    def _outcome(self) -> Outcome | None:
        return read_outcome(self.path)

    @property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / CHECKPOINTS)


def joined(training: tuple[Any, ...], validation: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns the examples of both, those of validation after the others.

    >>> joined((np.zeros(2), np.zeros(2)), (np.ones(1), np.ones(1)))[0]
    array([0., 0., 1.])
    """
    parts = [keras.tree.lists_to_tuples(tuple(part)) for part in (training, validation)]
    try:
        keras.tree.assert_same_structure(*parts)
        return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
    except ValueError as error:
        weighted = {len(part) for part in parts} == {2, 3}
        expected = "given where " + (
            "the search's training or validation data alone have sample weights"
            if weighted
            else "the search's training and validation data cannot be joined"
        )
        shapes = [keras.tree.map_structure(np.shape, part) for part in parts]
        raise argument_error("training", expected, None, f"Shapes: {shapes}") from error
