"""Training one trial in its folder, from its last finished epoch where it has begun."""

import itertools
import math
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner
from keras_tuner.errors import FailedTrialError, FatalError

from keras_dlnotes.runs import RunFolder, RunState, Splits, fit_resumable, run_state
from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.runs.records import CorruptRecordError, UnreadableRecordError, quarantine
from keras_dlnotes.tuning import disk
from keras_dlnotes.tuning.entries import check_entries, names_of
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    FAILED,
    OUT_OF_MEMORY,
    Ending,
    execution_path,
    logger,
)
from keras_dlnotes.tuning.keeping import read_outcome
from keras_dlnotes.tuning.outcomes import mean_of, missing
from keras_dlnotes.tuning.own_fit import train_by_own_fit
from keras_dlnotes.tuning.recipes import Recipe

LOCK_SECONDS = 10.0  # that a killed predecessor's folder may stay locked
MEMORY_WORDS = ("out of memory", "oom when allocating", "resource_exhausted", "bad_alloc")


@dataclass(frozen=True)
class Conditions:
    """What all trials of a search have in common.

    Attributes:
        objective: what is to improve; None before the preflight has told, where nobody says.
        executions: trainings of each trial, which differ in their seed.
        seed: of the first of them.
        retries: how often a trial that fails is tried again.
        allows_new_entries: whether a trial may ask for hyperparameters that nobody has listed.
    """

    objective: keras_tuner.Objective | None
    executions: int
    seed: int
    retries: int = 0
    allows_new_entries: bool = True


def run_trial(
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    conditions: Conditions,
    folder: Path,
    trial_id: str,
) -> Ending:
    """Trains a trial to its end and returns what came of it, an exception included.

    Raises:
        FatalError: KerasTuner's, which ends the search.
    """
    started = time.perf_counter()
    for attempt in itertools.count():
        try:
            known = names_of(hp)
            states = [
                _execute(recipe, splits, hp, conditions, folder, trial_id, execution)
                for execution in range(conditions.executions)
            ]
            if not conditions.allows_new_entries:
                check_entries(known, hp)
            return _ending(states, hp, conditions.objective)
        except (FatalError, UnreadableRecordError):  # of which the latter is no fault of the trial
            raise
        except Exception as error:
            if disk.is_full(error):
                raise
            if attempt < conditions.retries and not isinstance(error, FailedTrialError):
                logger.warning("Trial %s is tried again.", trial_id, exc_info=True)
                continue
            status = OUT_OF_MEMORY if is_out_of_memory(error) else FAILED
            seconds = round(time.perf_counter() - started, 3)
            message = traceback.format_exc()
            return Ending(status, hp.get_config(), message=message, seconds=seconds)


def _ending(
    states: list[RunState], hp: keras_tuner.HyperParameters, objective: keras_tuner.Objective
) -> Ending:
    best = [state.history[state.early_stopping["best_epoch"]] for state in states]
    metrics = mean_of(best)
    if math.isnan(metrics[objective.name]):
        raise ValueError(f"The objective {objective.name} is NaN.")
    return Ending(
        COMPLETED,
        hp.get_config(),
        metrics,
        states[0].early_stopping["best_epoch"],
        seconds=round(sum(state.seconds for state in states), 3),
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Tells whether a framework had no memory left; each has its own exception for it.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError("memory"))
    (True, False)
    """
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return True
    text = f"{type(error).__name__} {error}".lower()
    return "resourceexhausted" in text or any(words in text for words in MEMORY_WORDS)


def _execute(
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    conditions: Conditions,
    folder: Path,
    trial_id: str,
    execution: int,
) -> RunState:
    path = execution_path(folder, trial_id, execution)
    try:
        return _train(recipe, splits, hp, conditions, path)
    except CorruptRecordError as error:
        quarantine(path, f"{error} Execution {execution} of trial {trial_id} starts anew.")
        return _train(recipe, splits, hp, conditions, path)


def _train(
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    conditions: Conditions,
    path: Path,
) -> RunState:
    values = hp.values
    seed = conditions.seed + int(path.name.rpartition("_")[2])
    epochs = values.get("tuner/epochs", recipe.epochs)
    settings = {"hyperparameters": values, "seed": seed, "epochs": epochs}
    with RunFolder(path, settings, resume=True, wait=LOCK_SECONDS) as run:
        run.begin()
        ancestor = None
        if values.get("tuner/trial_id") is not None:
            first = execution_path(path.parents[1], values["tuner/trial_id"], 0)
            ancestor = first.with_name(path.name)
            _inherit(ancestor, run, values["tuner/initial_epoch"])
        logger.info("%s goes on from epoch %d", path, run_state(run).epoch)
        objective = conditions.objective
        return train_in(run, recipe, splits, hp, objective, epochs, seed, ancestor)[0]


def train_in(
    run: RunFolder,
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    objective: keras_tuner.Objective | None,
    epochs: int,
    seed: int,
    ancestor: Path | None = None,
) -> tuple[RunState, keras_tuner.Objective]:
    """Trains a model in an entered run folder: the one way of every trial and of the preflight.

    Args:
        objective: what is to improve; None, for a `fit` of the user's own, for what it returns.
        ancestor: the folder of the execution that this one goes on from.
    """
    if recipe.has_own_fit:
        weights = ancestor and ancestor / CHECKPOINTS
        return train_by_own_fit(run, recipe, splits, hp, objective, epochs, seed, weights)
    keras.utils.set_random_seed(seed)
    model = recipe.build(hp, splits)
    state = fit_resumable(
        model,
        splits.training,
        splits.validation,
        run,
        epochs=epochs,
        batch_size=recipe.batch_size_of(hp),
        seed=seed,
        patience=epochs if recipe.patience is None else recipe.patience,
        monitor=objective.name,
        mode=objective.direction,
        batches=recipe.batches,
        carry_states=recipe.carry_states,
        verbose=0,
    )
    if objective.name not in state.history[-1]:
        raise missing(objective, state.history[-1])
    return state, objective


def _inherit(ancestor: Path, run: RunFolder, epochs: int) -> None:
    """Begins with the state that another trial of these hyperparameters ended with.

    What a `fit` of the user's own left is no state to go on from, unless it was one training that
    has not ended by itself.
    """
    if run_state(run).epoch or not epochs:
        return
    outcome = read_outcome(ancestor)
    if outcome is not None:
        state = Checkpoints(ancestor / CHECKPOINTS).read()
        if not outcome.is_plain or state.stopped:
            return
    partial = run.path / ".partial-checkpoints"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(ancestor / CHECKPOINTS, partial)
    shutil.rmtree(run.path / CHECKPOINTS, ignore_errors=True)
    partial.rename(run.path / CHECKPOINTS)
