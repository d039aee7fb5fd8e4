"""Looking for the hyperparameters of the best model."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.common import checks
from keras_dlnotes.common.checks import LARGEST_SEED, argument_error, choice, flag, integer
from keras_dlnotes.runs.records import read_or_quarantine, read_record
from keras_dlnotes.tuning.arguments import (
    check_address,
    check_listeners,
    check_objective,
    check_trained,
    make_recipe,
    search_path,
)
from keras_dlnotes.tuning.contradictions import fault_in_search
from keras_dlnotes.tuning.folder import SETTINGS, SearchFolder, free_names, host_name, logger
from keras_dlnotes.tuning.formats import SearchRecord
from keras_dlnotes.tuning.hparams import log_search
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.loggers import TrialLogger
from keras_dlnotes.tuning.oracles import ORACLES
from keras_dlnotes.tuning.recipes import Recipe, Space
from keras_dlnotes.tuning.records import Records, TrialRecord
from keras_dlnotes.tuning.results import Results
from keras_dlnotes.tuning.signals import unwinding
from keras_dlnotes.tuning.space_check import settle_space
from keras_dlnotes.tuning.supervisor import SearchError, Supervisor, is_exhausted
from keras_dlnotes.tuning.trials import Conditions
from keras_dlnotes.tuning.tuner_arguments import oracle_arguments
from keras_dlnotes.tuning.watch import Progress, Watch

SETTINGS_SECONDS = 300.0  # that a worker waits for the search's folder
TRIALS = 20  # of the tuners that would never end by themselves
MOST_WORKERS, MOST_EXECUTIONS = 1024, 1024
ENDLESS_TUNERS = ("random", "bayesian")


@unwinding()
def search(
    task_or_hypermodel: Any,
    tuner: str = "hyperband",
    max_trials: int | None = None,
    objective: str | keras_tuner.Objective | None = None,
    *,
    training: tuple[Any, ...] | None = None,
    validation: tuple[Any, ...] | None = None,
    space: Space | None = None,
    data: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    patience: int | None = None,
    executions_per_trial: int = 1,
    tuner_arguments: Mapping[str, Any] | None = None,
    max_consecutive_failures: int = 3,
    seed: int = 0,
    workers: int = 1,
    chief: str | None = None,
    directory: str | Path | None = None,
    resume: bool = True,
    overwrite: bool = False,
    loggers: Sequence[TrialLogger] = (),
    on_progress: Callable[[Progress], Any] | None = None,
) -> Results:
    """Tries configurations of a model and returns what came of them.

    Every trial is a process of its own, so memory stays bounded and a trial that runs out of it
    takes nothing else with it. Every epoch leaves a checkpoint: a search killed at any moment goes
    on, by the same call, with the trials as they were and those interrupted from their last epoch.

    Args:
        task_or_hypermodel: the name of a task, a `Task`, a function `build(hp)` that returns a
            compiled model, or a `keras_tuner.HyperModel`. Its `fit`, where it has one of its own,
            is called as KerasTuner does, and returns a History, a number, a dict of metrics or a
            list of these. A trial goes on from its last epoch where that is the History of its one
            `model.fit`; every other one is done anew when it is killed, and `best_model()` has the
            weights with which `fit` returned.
        tuner: "hyperband", "random", "bayesian" or "grid". The first trial is the default
            configuration.
        max_trials: most trials, ≥ 1; by default 20 for "random" and "bayesian", and all there are
            for the others. It may grow when a search goes on.
        objective: name of the logged value to improve, or a `keras_tuner.Objective`, for a name
            that does not tell which direction is better; by default what the task monitors, or
            "val_loss", or the number that a hypermodel's own `fit` returns, which is then called
            "default_objective" and minimized.
        training: (inputs, targets), and sample weights if wanted, for a hypermodel.
        validation: the same for the data that the objective is taken on.
        space: hp → arguments of the task's builder; by default the task's own space.
        data: another data set for a task, as `data.load` takes it.
        epochs: most epochs of a trial; by default enough to compare configurations of the task, or
            10.
        batch_size: examples a step; by default the task's own, or 32.
        patience: epochs without a better objective after which a trial stops; by default the
            task's own, or never.
        executions_per_trial: trainings of each configuration, from 1 to 1024, with different
            seeds; their objectives are averaged.
        tuner_arguments: further ones of KerasTuner's oracle, such as {"factor": 4}; with
            {"hyperparameters": hp, "tune_new_entries": False}, only those that `hp` lists are
            tuned, and the others keep their defaults.
        max_consecutive_failures: failed trials in a row after which the search stops; those that
            ran out of memory don't count.
        seed: int from 0 to 2³² − 1025 that fixes the configurations, initial weights and order of
            the examples.
        workers: trials at a time, from 1, or 0 with a `chief`, to 1024; each gets its GPU or its
            share of the cores.
        chief: HOST:PORT at which workers of other machines (see `work`) find this search; its
            folder must be on a file system that they share, and holds the secret that they need.
        directory: the search's folder; `searches/NAME` where None, by the name of the task, the
            function or the hypermodel. A lambda has none, and needs a folder that is given.
        resume: go on with the search in the folder, if there is one.
        overwrite: replace the search in the folder.
        loggers: take each trial that has ended, as `MLflowLogger` does.
        on_progress: is called several times a second.

    Returns:
        `Results`; they can be had later as well, by `Results(directory)`.

    Raises:
        ValueError: for an argument out of range, or an objective that no trial logs.
        SearchError: where the first step of the default or of a random model fails, a trial raises
            KerasTuner's `FatalError`, too many trials fail, or none is completed; the message has
            the trial's own exception.
        RunFolderError: where the folder is occupied, in use or of other settings, another space,
            model or other data, by the shape, type and SHA-256 of each array.

    Example:

    >>> results = search("digits", "random", max_trials=8, workers=2)   # doctest: +SKIP
    >>> results.best_hyperparameters["filters"]                         # doctest: +SKIP
    64
    """
    recipe = make_recipe(
        task_or_hypermodel,
        training=training,
        validation=validation,
        space=space,
        data=data,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
    )
    choice("tuner", tuner, ORACLES)
    integer("workers", workers, 1 if chief is None else 0, MOST_WORKERS)
    integer("executions_per_trial", executions_per_trial, 1, MOST_EXECUTIONS)
    integer("max_consecutive_failures", max_consecutive_failures, 1)
    if max_trials is not None:
        integer("max_trials", max_trials, 1)
    integer("seed", seed, 0, LARGEST_SEED - MOST_EXECUTIONS)
    objective = check_objective(recipe.objective if objective is None else objective)
    if chief is not None:
        check_address("chief", chief)
    flag("resume", resume)
    flag("overwrite", overwrite)
    check_listeners(loggers, on_progress)
    arguments = oracle_arguments(tuner, tuner_arguments, objective, recipe.epochs)
    path = search_path(directory, recipe.name)
    settings = {
        "task": recipe.name,
        "data": getattr(recipe, "data", None),
        "tuner": tuner,
        "tuner_arguments": arguments,
        "max_trials": max_trials,
        "objective": objective and objective.name,
        "direction": objective and objective.direction,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "patience": recipe.patience,
        "executions": executions_per_trial,
        "seed": seed,
        "backend": keras.backend.backend(),
    }
    defaults = {"max_trials": TRIALS if tuner in ENDLESS_TUNERS else None}
    resume = resume and not overwrite
    with SearchFolder(path, settings, defaults, resume=resume, overwrite=overwrite) as folder:
        folder.settings.setdefault("asked", sorted(recipe.asked))
        job = job_of(recipe, folder.path, folder.settings)
        metrics = settle_space(folder, job)
        job = job_of(recipe, folder.path, folder.settings)
        objective = job.conditions.objective
        trials = Records(folder.path, objective.name, read_or_quarantine).read()
        watch = Watch(job, folder.settings["space"], max_consecutive_failures, on_progress, loggers)
        folder.begin()  # also where it is finished: an earlier version has recorded less
        if not _is_finished(folder, trials):
            if watch.warning is not None:
                logger.warning("%s", watch.warning)
            log_search(folder.path, folder.settings["space"], metrics)
            try:
                names = [f"worker{index}" for index in range(workers)]
                Supervisor(job, folder.settings["space"], names, chief).run(watch)
            finally:
                watch.write_table()
        watch.check_completed()
    return Results(path, recipe)


@unwinding()
def work(
    task_or_hypermodel: Any,
    chief: str,
    directory: str | Path,
    *,
    training: tuple[Any, ...] | None = None,
    validation: tuple[Any, ...] | None = None,
    space: Space | None = None,
    workers: int = 1,
    on_progress: Callable[[Progress], Any] | None = None,
) -> None:
    """Trains trials of a search whose chief is on another machine, until there are no more.

    Args:
        task_or_hypermodel: what that search was started with, as the next three.
        chief: HOST:PORT, as this machine reaches it.
        directory: the search's folder, on a file system that both share.
        training: see `search`.
        validation: see `search`.
        space: see `search`.
        workers: trials at a time on this machine, from 1 to 1024.
        on_progress: is called several times a second.

    Raises:
        ValueError: where the search is one of something else.
        SearchError: where there is no such chief or folder, for minutes, or the processes crash.
        RunFolderError: where the folder's `search.json` is corrupt.
    """
    integer("workers", workers, 1, MOST_WORKERS)
    check_address("chief", chief)
    check_listeners((), on_progress)
    path = checks.path("directory", directory)
    _, training, validation = check_trained(task_or_hypermodel, training, validation, space)
    settings = wait_for_settings(path)
    recipe = make_recipe(
        task_or_hypermodel,
        training=training,
        validation=validation,
        space=space,
        **{name: settings[name] for name in ("data", "epochs", "batch_size", "patience")},
    )
    if recipe.name != settings["task"]:
        expected = f"{settings['task']!r}, as in the search's folder"
        raise argument_error("task_or_hypermodel", expected, recipe.name)
    job = job_of(recipe, path, settings)
    watch = Watch(job, settings["space"], None, on_progress)
    with free_names(path, host_name(), workers) as names:
        Supervisor(job, None, names, chief, is_chief=False).run(watch)


def job_of(recipe: Recipe, path: Path, settings: Mapping[str, Any]) -> Job:
    """Returns what the processes of a search work on, from what the search was started with."""
    arguments = settings["tuner_arguments"]
    objective = None
    if settings["objective"] is not None:
        objective = keras_tuner.Objective(settings["objective"], settings["direction"])
    conditions = Conditions(
        objective,
        settings["executions"],
        settings["seed"],
        arguments.get("max_retries_per_trial", 0),
        arguments.get("allow_new_entries", True),
    )
    oracle = {
        "tuner": settings["tuner"],
        "max_trials": settings["max_trials"],
        "arguments": arguments,
    }
    recipe = replace(recipe, asked=frozenset(settings.get("asked", ())))
    return Job(recipe, conditions, path.absolute(), oracle)


def wait_for_settings(path: Path) -> dict[str, Any]:
    """Returns what the search in a folder was started with, once its chief has written it there."""
    deadline = time.monotonic() + SETTINGS_SECONDS
    while True:
        content = read_record(path / SETTINGS, SearchRecord, fault_in_search)
        if content is not None:
            return content["settings"]
        if time.monotonic() > deadline:
            raise SearchError(f"There is no search in {path}.")
        time.sleep(1.0)


def _is_finished(folder: SearchFolder, trials: list[TrialRecord]) -> bool:
    if not folder.resumed or not is_exhausted(folder.path):
        return False
    most = folder.settings["max_trials"]
    has_enough = most is None or len(trials) >= most
    return has_enough and all(trial.ending is not None for trial in trials)
