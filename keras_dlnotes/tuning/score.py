"""Trials of a plain function of the hyperparameters that returns a score."""

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.runs.checkpoints import Checkpoints, RunState
from keras_dlnotes.runs.folder import CHECKPOINTS, RunFolder
from keras_dlnotes.runs.task import Splits
from keras_dlnotes.tuning.execution import Execution
from keras_dlnotes.tuning.fit_metrics import objective_for
from keras_dlnotes.tuning.fit_results import read_fit_result, save_fit_result
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.recorder import Recorder

FILES = "files"  # the folder that the function may write to


@dataclass(frozen=True, kw_only=True)
class ScoreRecipe(Recipe):
    """A function whose score is to be improved; it may train something, or nothing.

    Attributes:
        function: `score(hp)`, or `score(hp, folder)` with the folder for the files of a trial.
    """

    function: Callable[..., Any]

    def declare(self, hp: keras_tuner.HyperParameters) -> None:
        """Declares nothing: only a call of the function tells."""

    def load(self) -> Splits:
        return Splits((), (), ())

    @property
    def has_epochs(self) -> bool:
        return False


def train_score(run: RunFolder, execution: Execution) -> tuple[RunState, keras_tuner.Objective]:
    """Calls the function of a `ScoreRecipe` in an entered run folder, and saves what it returns.

    Returns:
        The state, whose history holds the metrics, and the objective.
    """
    assert isinstance(execution.recipe, ScoreRecipe)
    found = read_fit_result(run.path)
    if found is not None:
        state = Checkpoints(run.path / CHECKPOINTS).read()
        return state, execution.objective or keras_tuner.Objective(found.objective, found.direction)
    function = execution.recipe.function
    keras.utils.set_random_seed(execution.seed)
    started = time.perf_counter()
    if takes_folder(function):
        folder = run.path / FILES
        folder.mkdir(exist_ok=True)
        result = function(execution.hp, folder)
    else:
        result = function(execution.hp)
    objective = execution.objective or objective_for(result)
    recorder = Recorder(run.path, objective, None)
    seconds = time.perf_counter() - started
    state = save_fit_result(run.path, None, result, recorder, objective, "The function", seconds)
    return state, objective


def takes_folder(function: Callable[..., Any]) -> bool:
    """Returns whether a function has a second argument without a default.

    >>> takes_folder(lambda hp: 0.0), takes_folder(lambda hp, folder: 0.0)
    (False, True)
    """
    parameters = list(inspect.signature(function).parameters.values())
    by_place = [
        entry
        for entry in parameters
        if entry.kind in (entry.POSITIONAL_ONLY, entry.POSITIONAL_OR_KEYWORD)
        and entry.default is entry.empty
    ]
    return len(by_place) > 1
