"""The results of a search."""

import functools
import json
from os import PathLike
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner

from keras_dlnotes import reports
from keras_dlnotes.common import checks
from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.common.files import write_text
from keras_dlnotes.common.metrics import SIGNS
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.runs.page import add_outcome, add_scores
from keras_dlnotes.runs.records import RunFolderError, read_record
from keras_dlnotes.training.arguments import verbosity
from keras_dlnotes.tuning import records
from keras_dlnotes.tuning.best_execution import BestExecution
from keras_dlnotes.tuning.configuration import Configuration, whole_space
from keras_dlnotes.tuning.consistency import fault_in_search
from keras_dlnotes.tuning.data import movable
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    SETTINGS,
    TrialOutcome,
    execution_path,
    hyperparameters_of,
)
from keras_dlnotes.tuning.formats import SearchRecord
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.records import Records, TrialRecord
from keras_dlnotes.tuning.remarks import remarks_on
from keras_dlnotes.tuning.score import ScoreRecipe
from keras_dlnotes.tuning.supervisor import is_exhausted

if TYPE_CHECKING:
    import pandas


class Results:
    """The trials of a search, and its best model.

    Args:
        directory: the folder of the search, finished or not.
        recipe: what was trained; needed only for the models.

    Attributes:
        directory: the folder.
        objective: the name of the metric that the search improved.
        direction: "min" or "max".

    Raises:
        ValueError: if `directory` is no path or `recipe` no recipe.
        FileNotFoundError: if the folder holds no search.
        RunFolderError: if one of its files is corrupt or can't be read. Resuming the search
            quarantines a corrupt file and recreates its content.

    Example:

    >>> results = Results("searches/digits")                      # doctest: +SKIP
    >>> results.best_hyperparameters["dropout"]                   # doctest: +SKIP
    0.3
    """

    def __init__(self, directory: str | PathLike, recipe: Recipe | None = None):
        self.directory = checks.path("directory", directory)
        if recipe is not None and not isinstance(recipe, Recipe):
            raise argument_error("recipe", "what a search trains, or None", recipe)
        content = read_record(self.directory / SETTINGS, SearchRecord, fault_in_search)
        if content is None:
            raise FileNotFoundError(f"Folder {self.directory} holds no search.")
        self._settings = settings = content["settings"]
        self._task: str = settings["task"]
        self.objective: str = settings["objective"]
        self.direction: str = settings["direction"]
        self._seed: int = settings["seed"]
        self._recipe = recipe
        self._trials = Records(self.directory, self.objective).read()

    def __repr__(self) -> str:
        done = sum(trial.status == COMPLETED for trial in self._trials)
        status = [f"{done} of {len(self._trials)} trials completed.", *self.remarks]
        return f"Results({str(self.directory)!r}: {' '.join(status).removesuffix('.')})"

    @property
    def remarks(self) -> list[str]:
        """Surprises: no trial ran for all epochs, or there are fewer trials than asked for."""
        return remarks_on(self._settings, self._trials, is_exhausted(self.directory))

    def to_frame(self) -> "pandas.DataFrame":
        """Returns a row for each trial, execution and epoch.

        The columns are `trial`, `status`, `execution` (from 0), `epoch` (from 1), the metrics, and
        one for each hyperparameter.
        """
        return records.to_frame(self._trials)

    def to_csv(self, path: str | PathLike) -> None:
        """Writes the frame as CSV."""
        records.write_table(checks.path("path", path), self._trials)

    def to_json(self, path: str | PathLike | None = None) -> str:
        """Returns the trials as JSON, an object for each; also writes it if a path is given."""
        content = {"objective": self.objective, "trials": records.as_objects(self._trials)}
        text = json.dumps(content, indent=2)
        if path is not None:
            write_text(checks.path("path", path), text + "\n")
        return text

    @property
    def space(self) -> keras_tuner.HyperParameters:
        """The hyperparameters of the search; `results.space.space` lists them."""
        by_number = sorted(self._completed, key=lambda one: int(one[0].name))
        return whole_space(self._settings, (outcome for _, outcome in by_number))

    @property
    def failures(self) -> dict[str, str]:
        """Trial → traceback of each trial that failed."""
        return {
            trial.name: trial.message
            for trial in self._trials
            if trial.status not in (COMPLETED, "RUNNING")
        }

    @property
    def pruned(self) -> dict[str, str]:
        """Trial → why it was pruned; such trials are complete, with the epochs that they had."""
        return {trial.name: trial.message for trial in self._trials if trial.is_pruned}

    @property
    def best_trial(self) -> str:
        """The name of the completed trial with the best objective."""
        return self._best[0].name

    @property
    def best_score(self) -> float:
        """The objective of the best trial."""
        return self._best[1].metrics[self.objective]

    @property
    def best_hyperparameters(self) -> Configuration:
        """The hyperparameters of the best trial."""
        return self.best_configurations()[0]

    def best_configurations(self, count: int = 1) -> list[Configuration]:
        """Returns the hyperparameters of the best trials, the best first.

        Args:
            count: of trials, ≥ 1; fewer if fewer are complete.
        """
        best = self._ranked[: integer("count", count, 1)]
        return [hyperparameters_of(outcome.hyperparameters, Configuration) for _, outcome in best]

    def best_models(self, count: int = 1) -> list[keras.Model]:
        """Returns the models of the best trials, the best first; see `best_model`.

        Args:
            count: of trials, ≥ 1; fewer if fewer are complete.
        """
        best = self._ranked[: integer("count", count, 1)]
        return [self._model(self._execution(*entry)) for entry in best]

    def best_model(self) -> keras.Model:
        """Returns the best trial's model with the weights of its best epoch.

        Of several executions of the trial, it is the best one. If the hypermodel has a `fit` of its
        own that returns a number or a dict, the weights are those the model had when `fit`
        returned; or those of the best epoch, if the number is its objective.

        Raises:
            ValueError: if the weights of the best score were not saved.
        """
        return self._model(self._best_execution)

    def _model(self, best: BestExecution) -> keras.Model:
        if isinstance(best.recipe, ScoreRecipe):
            raise ValueError("The search was over a function, which has no model of ours.")
        if not best.has_weights:
            raise ValueError(
                f"The weights of the best epoch of {best.path.parent.name} are not saved, since "
                "HyperModel.fit did not hand its `callbacks` on to model.fit. Use retrain()."
            )
        return best.model()

    def retrain(
        self,
        training: Any = None,
        *,
        epochs: int | None = None,
        verbose: str | int = 0,
    ) -> keras.Model:
        """Trains a new model with the best hyperparameters on all data.

        Batches, seed and carried states are those of the best execution.

        Args:
            training: data as in `search`; by default the training and validation data together,
                which must be arrays, see `Task.join`.
            epochs: number of epochs; by default the number of the best trial's best epoch.
            verbose: as in `keras.Model.fit`.

        Returns:
            The compiled and trained model, with the weights of the last epoch.

        Raises:
            ValueError: for an argument out of range, or if `training` is None and the training and
                validation data cannot be joined.
        """
        if training is not None:
            training = movable("training", training)
            training = training.open() if hasattr(training, "open") else training
        if epochs is not None:
            integer("epochs", epochs, 1)
        verbosity(verbose)
        best = self._best_execution
        if isinstance(best.recipe, ScoreRecipe):
            raise ValueError("The search was over a function: call it with `best_hyperparameters`.")
        if training is None:
            if not isinstance(best.splits.training, tuple):
                raise argument_error("training", "given after a search over a source", None)
            training = best.recipe.join(best.splits)
        return best.retrained(training, epochs, verbose)

    def to_html(self, path: str | PathLike) -> None:
        """Writes a page: progress, importance of the hyperparameters, and the best model."""
        path = checks.path("path", path)
        title = f"Search: {self._task}"
        page = reports.search_page(self.to_frame(), self.objective, self.direction, title=title)
        for remark in self.remarks:
            page.add_text(remark)
        if self._recipe is not None and self._completed and self._best_execution.has_weights:
            best = self._best_execution
            outcome = best.outcome()
            page.add_heading("The best model")
            task = best.recipe.task_for(best.hp)
            if task is not None:
                add_scores(page, outcome, task)
            add_outcome(page, outcome, task)
        write_text(path, page.render())

    @property
    def _best(self) -> tuple[TrialRecord, TrialOutcome]:
        return self._ranked[0]

    @property
    def _ranked(self) -> list[tuple[TrialRecord, TrialOutcome]]:
        if not self._completed:
            raise ValueError(f"No trial of the search in {self.directory} is complete.")
        return self._completed

    @property
    def _completed(self) -> list[tuple[TrialRecord, TrialOutcome]]:
        executions = self._settings["executions"]
        ranking = records.best_first(self._trials, self.objective, self.direction, executions)
        return [(trial, trial.outcome) for trial in ranking if trial.outcome is not None]

    @property
    def _best_number(self) -> int:
        """The number of the best trial's best execution."""
        return self._number(self._best[0])

    def _number(self, trial: TrialRecord) -> int:
        histories = {
            execution: [row for row in history if self.objective in row]
            for execution, history in trial.histories.items()
        }
        histories = {execution: history for execution, history in histories.items() if history}
        if not histories:
            path = execution_path(self.directory, trial.name, 0) / CHECKPOINTS
            raise RunFolderError(f"The epochs of the best trial are not in {path}.")

        def best_value(execution: int) -> float:
            return min(SIGNS[self.direction] * row[self.objective] for row in histories[execution])

        return min(histories, key=best_value)

    @functools.cached_property
    def _best_execution(self) -> BestExecution:
        return self._execution(*self._best)

    def _execution(self, trial: TrialRecord, outcome: TrialOutcome) -> BestExecution:
        if self._recipe is None:
            raise argument_error("recipe", "what the search trained, to build its models", None)
        recipe, number = self._recipe, self._number(trial)
        return BestExecution(
            execution_path(self.directory, trial.name, number),
            hyperparameters_of(outcome.hyperparameters, Configuration),
            outcome.step + 1,
            recipe,
            recipe.load(),
            self._seed + number,
        )
