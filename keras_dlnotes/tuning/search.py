"""Searching for the best hyperparameters."""

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
from keras_dlnotes.tuning.consistency import fault_in_search
from keras_dlnotes.tuning.folder import SETTINGS, SearchFolder, free_names, host_name, logger
from keras_dlnotes.tuning.formats import SearchRecord
from keras_dlnotes.tuning.hparams import log_search
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.loggers import TrialLogger
from keras_dlnotes.tuning.monitor import Progress, ProgressMonitor
from keras_dlnotes.tuning.oracles import ORACLES
from keras_dlnotes.tuning.recipes import Recipe, Space
from keras_dlnotes.tuning.records import Records, TrialRecord
from keras_dlnotes.tuning.results import Results
from keras_dlnotes.tuning.signals import unwinding
from keras_dlnotes.tuning.space_check import check_space
from keras_dlnotes.tuning.supervisor import SearchError, Supervisor, is_exhausted
from keras_dlnotes.tuning.trials import TrialSettings
from keras_dlnotes.tuning.tuner_arguments import oracle_arguments

SETTINGS_SECONDS = 300.0  # for which a worker waits for the search's folder
TRIALS = 20  # of the tuners that would never stop
MAX_WORKERS, MAX_EXECUTIONS = 1024, 1024
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
    """Searches for the hyperparameters of the best model.

    Every trial runs in its own process, so memory stays bounded, and a trial that runs out of it
    affects no other. Every epoch saves a checkpoint: a search killed at any moment is resumed by
    the same call. Finished trials are kept, and interrupted ones resume after their last epoch.

    Args:
        task_or_hypermodel: the name of a task, a `Task`, a function `build(hp)` that returns a
            compiled model, or a `keras_tuner.HyperModel`. A custom `HyperModel.fit` is called as
            KerasTuner does, and returns a History, a number, a dict of metrics or a list of these.
            A killed trial resumes after its last epoch if that is the History of its only
            `model.fit`; otherwise it starts over, and `best_model()` has the weights that the model
            had when `fit` returned.
        tuner: "hyperband", "random", "bayesian" or "grid". The first trial is the default
            configuration.
        max_trials: maximum number of trials, ≥ 1; by default 20 for "random" and "bayesian", and
            unlimited for the others. It may be increased when a search is resumed.
        objective: name of the logged value to improve, or a `keras_tuner.Objective` if its
            direction cannot be inferred from the name; by default what the task monitors, or
            "val_loss", or the number that a custom `fit` returns, which is then called
            "default_objective" and minimized.
        training: (inputs, targets) and optional sample weights, for a hypermodel.
        validation: the same for the data on which the objective is measured.
        space: hp → arguments of the task's builder; by default the task's own space.
        data: another data set for a task, as in `data.load`.
        epochs: maximum number of epochs of a trial; by default enough to compare configurations of
            the task, or 10.
        batch_size: batch size; by default the task's own, or 32.
        patience: epochs without improvement after which a trial stops; by default the task's own,
            or never.
        executions_per_trial: trainings of each configuration, from 1 to 1024, with different
            seeds; their objectives are averaged.
        tuner_arguments: further arguments of KerasTuner's oracle, such as {"factor": 4}; with
            {"hyperparameters": hp, "tune_new_entries": False}, only those that `hp` lists are
            tuned, and the others keep their defaults.
        max_consecutive_failures: consecutive failed trials after which the search stops; trials
            that ran out of memory don't count.
        seed: int from 0 to 2³² − 1025 for the configurations, the initial weights and the order of
            the examples.
        workers: concurrent trials, from 1 (0 with a `chief`) to 1024; each worker gets a GPU or
            its share of the processor cores.
        chief: HOST:PORT at which workers on other machines (see `work`) reach this search; its
            folder must be on a shared file system, and holds the secret that they need.
        directory: the search's folder; None for `searches/NAME`, with the name of the task, the
            function or the hypermodel. A lambda has no name, so its folder must be given.
        resume: resume the search in the folder, if there is one.
        overwrite: replace the search in the folder.
        loggers: receive each trial that has ended, such as `MLflowLogger`.
        on_progress: called with the `Progress` several times a second.

    Returns:
        `Results`, which `Results(directory)` returns later as well.

    Raises:
        ValueError: for an argument out of range, or an objective that no trial logs.
        SearchError: if the first step of the default or of a random model fails, a trial raises
            KerasTuner's `FatalError`, too many trials fail, or none completes; the message contains
            the trial's own exception.
        RunFolderError: if the folder is occupied or in use, or its search has different settings,
            another space or model, or other data, by the shape, type and SHA-256 of each array.

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
    integer("workers", workers, 1 if chief is None else 0, MAX_WORKERS)
    integer("executions_per_trial", executions_per_trial, 1, MAX_EXECUTIONS)
    integer("max_consecutive_failures", max_consecutive_failures, 1)
    if max_trials is not None:
        integer("max_trials", max_trials, 1)
    integer("seed", seed, 0, LARGEST_SEED - MAX_EXECUTIONS)
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
        metrics = check_space(folder, job)
        job = job_of(recipe, folder.path, folder.settings)
        trials = Records(folder.path, job.objective.name, read_or_quarantine).read()
        config = folder.settings["space"]
        monitor = ProgressMonitor(job, config, max_consecutive_failures, on_progress, loggers)
        folder.begin()  # even if it is finished: an earlier version has recorded less
        if not _is_finished(folder, trials):
            if monitor.warning is not None:
                logger.warning("%s", monitor.warning)
            log_search(folder.path, config, metrics)
            try:
                names = [f"worker{index}" for index in range(workers)]
                Supervisor(job, config, names, chief).run(monitor)
            finally:
                monitor.write_table()
        monitor.check_completed()
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
    """Trains trials for a search whose chief runs on another machine, until none are left.

    Args:
        task_or_hypermodel: the same as that of the search.
        chief: HOST:PORT of the chief.
        directory: the search's folder, on a shared file system.
        training: the same as that of the search.
        validation: the same as that of the search.
        space: the same as that of the search.
        workers: concurrent trials on this machine, from 1 to 1024.
        on_progress: called with the `Progress` several times a second.

    Raises:
        ValueError: if the search in the folder is for something else.
        SearchError: if the chief or the folder cannot be found for minutes, or the processes crash.
        RunFolderError: if the folder's `search.json` is corrupt.
    """
    integer("workers", workers, 1, MAX_WORKERS)
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
    monitor = ProgressMonitor(job, settings["space"], None, on_progress)
    with free_names(path, host_name(), workers) as names:
        Supervisor(job, None, names, chief, is_chief=False).run(monitor)


def job_of(recipe: Recipe, path: Path, settings: Mapping[str, Any]) -> Job:
    """Returns the job of a search's processes."""
    arguments = settings["tuner_arguments"]
    objective = None
    if settings["objective"] is not None:
        objective = keras_tuner.Objective(settings["objective"], settings["direction"])
    trial_settings = TrialSettings(
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
    return Job(recipe, trial_settings, path.absolute(), oracle)


def wait_for_settings(path: Path) -> dict[str, Any]:
    """Returns the settings of the search in a folder, once its chief has written them."""
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
    return has_enough and all(trial.outcome is not None for trial in trials)
