"""Training one trial in its folder, resuming after its last finished epoch."""

import math
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner
from keras_tuner.errors import FailedTrialError, FatalError

from keras_dlnotes.runs.checkpoints import Checkpoints, RunState
from keras_dlnotes.runs.folder import CHECKPOINTS, RunFolder
from keras_dlnotes.runs.records import CorruptRecordError, UnreadableRecordError, quarantine
from keras_dlnotes.runs.resumable import fit_resumable, run_state
from keras_dlnotes.tuning.custom_fit import train_with_custom_fit
from keras_dlnotes.tuning.disk import is_full
from keras_dlnotes.tuning.entries import check_entries, names_of
from keras_dlnotes.tuning.execution import Execution
from keras_dlnotes.tuning.fit_metrics import mean_of, missing
from keras_dlnotes.tuning.fit_results import read_fit_result
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    FAILED,
    OUT_OF_MEMORY,
    TrialOutcome,
    execution_path,
    logger,
)
from keras_dlnotes.tuning.pruner import Curve, Mark, Prune, Pruner, curves_in
from keras_dlnotes.tuning.pruning import Pruning
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.score import ScoreRecipe, train_score

LOCK_SECONDS = 10.0  # for which the folder of a killed process may stay locked
MEMORY_WORDS = ("out of memory", "oom when allocating", "resource_exhausted", "bad_alloc")


@dataclass(frozen=True)
class TrialSettings:
    """What all trials of a search have in common.

    Attributes:
        objective: what to improve; None until the preflight has derived it.
        executions: trainings of each trial, which differ in their seed.
        seed: of the first execution.
        retries: how often a failed trial is retried.
        allows_new_entries: whether a trial may ask for hyperparameters that are not listed.
        pruning: by which trials end early; None if they don't.
    """

    objective: keras_tuner.Objective | None
    executions: int
    seed: int
    retries: int = 0
    allows_new_entries: bool = True
    pruning: Pruning | None = None


def run_trial(
    recipe: Recipe,
    hp: keras_tuner.HyperParameters,
    settings: TrialSettings,
    folder: Path,
    trial_id: str,
    curves: Callable[[], list[Curve]] | None = None,
) -> TrialOutcome:
    """Trains a trial to its end and returns its outcome, which may be an exception.

    A trial that is pruned in one of its executions has no further ones.

    Args:
        recipe: what to train.
        hp: the hyperparameters.
        settings: of all trials.
        folder: of the search.
        trial_id: of the trial.
        curves: returns those of all trials, for pruning; None reads them in the folder.

    Raises:
        FatalError: KerasTuner's, which ends the search.
    """
    started = time.perf_counter()
    retries, splits = settings.retries, None
    while True:
        try:
            known = names_of(hp)
            states, mark = [], None
            for number in range(settings.executions):
                path = execution_path(folder, trial_id, number)
                epochs = hp.values.get("tuner/epochs", recipe.epochs)
                ancestor = None
                if hp.values.get("tuner/trial_id") is not None:
                    ancestor = execution_path(folder, hp.values["tuner/trial_id"], number)
                seed = settings.seed + number
                keras.utils.set_random_seed(seed)  # a source may draw from it
                if splits is None or not recipe.is_loaded_once:
                    splits = recipe.load()
                pruner = _pruner(settings, path, curves)
                execution = Execution(
                    recipe, splits, hp, settings.objective, epochs, seed, ancestor, pruner=pruner
                )
                states.append(_execute(path, execution))
                mark = None if pruner is None else pruner.mark
                if mark is not None:
                    break
            if not settings.allows_new_entries:
                check_entries(known, hp)
            return _outcome(states, hp, settings.objective, mark)
        except (FatalError, UnreadableRecordError):  # the latter is not the trial's fault
            raise
        except Exception as error:
            if is_full(error):
                raise
            if retries and not isinstance(error, FailedTrialError):
                retries -= 1
                logger.warning("Retrying trial %s.", trial_id, exc_info=True)
                continue
            status = OUT_OF_MEMORY if is_out_of_memory(error) else FAILED
            seconds = round(time.perf_counter() - started, 3)
            message = traceback.format_exc()
            return TrialOutcome(status, hp.get_config(), message=message, seconds=seconds)


def _pruner(
    settings: TrialSettings, path: Path, curves: Callable[[], list[Curve]] | None
) -> Pruner | None:
    rule, objective = settings.pruning, settings.objective
    if rule is None or objective is None:
        return None
    curves = curves or curves_in(path.parent.parent, objective.name)
    return Pruner(rule, objective, curves, path)


def _outcome(
    states: list[RunState],
    hp: keras_tuner.HyperParameters,
    objective: keras_tuner.Objective,
    mark: Mark | None,
) -> TrialOutcome:
    best = [state.history[state.early_stopping["best_epoch"]] for state in states]
    metrics = mean_of(best)
    if math.isnan(metrics[objective.name]):
        raise ValueError(f"The objective {objective.name} is NaN.")
    return TrialOutcome(
        COMPLETED,
        hp.get_config(),
        metrics,
        states[0].early_stopping["best_epoch"],
        None if mark is None else mark.reason,
        pruned=mark is not None,
        seconds=round(sum(state.seconds for state in states), 3),
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether a framework ran out of memory; each has its own exception for it.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError("memory"))
    (True, False)
    """
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return True
    text = f"{type(error).__name__} {error}".lower()
    return "resourceexhausted" in text or any(words in text for words in MEMORY_WORDS)


def _execute(path: Path, execution: Execution) -> RunState:
    try:
        return _train(path, execution)
    except CorruptRecordError as error:
        quarantine(path, f"{error} {path.name} of {path.parent.name} starts over.")
        return _train(path, execution)


def _train(path: Path, execution: Execution) -> RunState:
    values = execution.hp.values
    settings = {"hyperparameters": values, "seed": execution.seed, "epochs": execution.epochs}
    with RunFolder(path, settings, resume=True, wait=LOCK_SECONDS) as run:
        run.begin()
        if execution.ancestor is not None:
            _inherit(execution.ancestor, run, values["tuner/initial_epoch"])
        logger.info("%s continues after epoch %d", path, run_state(run).epoch)
        return train_in(run, execution)[0]


def train_in(run: RunFolder, execution: Execution) -> tuple[RunState, keras_tuner.Objective]:
    """Trains a model in an entered run folder, for trials and for the dry run alike."""
    recipe, objective = execution.recipe, execution.objective
    if isinstance(recipe, ScoreRecipe):
        return train_score(run, execution)
    if objective is None or recipe.has_custom_fit:
        return train_with_custom_fit(run, execution)
    keras.utils.set_random_seed(execution.seed)
    earlier = run_state(run)
    callbacks = execution.callbacks(run.path, bool(earlier.epoch))
    if execution.pruner is not None:
        execution.pruner.begin(earlier.history)
        callbacks.append(Prune(execution.pruner))
    state = fit_resumable(
        recipe.build(execution.hp, execution.splits),
        execution.splits.training,
        execution.splits.validation,
        run,
        epochs=execution.epochs,
        batch_size=recipe.batch_size_of(execution.hp),
        seed=execution.seed,
        patience=execution.epochs if recipe.patience is None else recipe.patience,
        monitor=objective.name,
        mode=objective.direction,
        batches=recipe.batches,
        carry_states=recipe.carry_states,
        callbacks=callbacks,
        verbose=0,
        **recipe.fit_arguments,
    )
    if objective.name not in state.history[-1]:
        raise missing(objective, state.history[-1])
    return state, objective


def _inherit(ancestor: Path, run: RunFolder, epochs: int) -> None:
    """Starts from the last state of another trial with these hyperparameters.

    The state of a custom `fit` can be continued only if it comes from a single training that has
    not stopped early.
    """
    if run_state(run).epoch or not epochs:
        return
    fit_result = read_fit_result(ancestor)
    if fit_result is not None:
        state = Checkpoints(ancestor / CHECKPOINTS).read()
        if not fit_result.is_plain or state.stopped:
            return
    partial = run.path / ".partial-checkpoints"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(ancestor / CHECKPOINTS, partial)
    shutil.rmtree(run.path / CHECKPOINTS, ignore_errors=True)
    partial.rename(run.path / CHECKPOINTS)
