"""Training one trial in its folder, from its last finished epoch where it has begun."""

import shutil
import statistics
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner

from keras_dlnotes.tasks import Splits
from keras_dlnotes.training import RunFolder, RunState, fit_resumable, run_state
from keras_dlnotes.training.records import CorruptRecordError, UnreadableRecordError, set_aside
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    FAILED,
    OUT_OF_MEMORY,
    Ending,
    execution_path,
    logger,
)
from keras_dlnotes.tuning.recipes import Recipe

CHECKPOINTS = "checkpoints"
LOCK_SECONDS = 10.0  # that a killed predecessor's folder may stay locked
MEMORY_WORDS = ("out of memory", "oom when allocating", "resource_exhausted", "bad_alloc")


@dataclass(frozen=True)
class Conditions:
    """What all trials of a search have in common.

    Attributes:
        objective: what is to improve.
        executions: trainings of each trial, which differ in their seed.
        seed: of the first of them.
    """

    objective: keras_tuner.Objective
    executions: int
    seed: int


def run_trial(
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    conditions: Conditions,
    folder: Path,
    trial_id: str,
) -> Ending:
    """Trains a trial to its end and returns what came of it, an exception included."""
    started = time.perf_counter()
    try:
        states = [
            _execute(recipe, splits, hp, conditions, folder, trial_id, execution)
            for execution in range(conditions.executions)
        ]
    except UnreadableRecordError:  # the trial is not to blame
        raise
    except Exception as error:
        status = OUT_OF_MEMORY if is_out_of_memory(error) else FAILED
        seconds = time.perf_counter() - started
        return Ending(
            status, hp.get_config(), message=traceback.format_exc(), seconds=round(seconds, 3)
        )
    best = [state.history[state.early_stopping["best_epoch"]] for state in states]
    return Ending(
        COMPLETED,
        hp.get_config(),
        {name: statistics.fmean(row[name] for row in best) for name in best[0]},
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
        set_aside(path, f"{error} Execution {execution} of trial {trial_id} starts anew.")
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
    keras.utils.set_random_seed(seed)
    model = recipe.build(hp, splits)
    with RunFolder(path, settings, resume=True, wait=LOCK_SECONDS) as run:
        run.begin()
        if values.get("tuner/trial_id") is not None:
            ancestor = execution_path(path.parents[1], values["tuner/trial_id"], 0)
            _inherit(ancestor.with_name(path.name), run, values["tuner/initial_epoch"])
        logger.info("%s goes on from epoch %d", path, run_state(run).epoch)
        return train_in(run, recipe, splits, hp, model, conditions.objective, epochs, seed)


def train_in(
    run: RunFolder,
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    model: keras.Model,
    objective: keras_tuner.Objective,
    epochs: int,
    seed: int,
) -> RunState:
    """Trains a model in an entered run folder: the one way of every trial and of the preflight."""
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
        fit=recipe.fit(hp, model),
        carry_states=recipe.carry_states,
        verbose=0,
    )
    if not state.history:
        raise TypeError("HyperModel.fit must hand its keyword arguments on to model.fit.")
    return state


def _inherit(ancestor: Path, run: RunFolder, epochs: int) -> None:
    """Begins with the state that another trial of these hyperparameters ended with."""
    if run_state(run).epoch or not epochs:
        return
    partial = run.path / ".partial-checkpoints"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(ancestor / CHECKPOINTS, partial)
    shutil.rmtree(run.path / CHECKPOINTS, ignore_errors=True)
    partial.rename(run.path / CHECKPOINTS)
