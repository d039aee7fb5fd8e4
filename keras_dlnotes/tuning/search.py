"""Searching for the best hyperparameters."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.common.checks import LARGEST_SEED, choice, flag, integer
from keras_dlnotes.runs.records import read_or_quarantine
from keras_dlnotes.tuning.arguments import (
    MAX_WORKERS,
    check_address,
    check_listeners,
    check_objective,
    make_recipe,
    search_path,
)
from keras_dlnotes.tuning.engines import check_engine, engine_for
from keras_dlnotes.tuning.folder import SearchFolder, logger
from keras_dlnotes.tuning.hparams import log_search
from keras_dlnotes.tuning.initial import listed_initial
from keras_dlnotes.tuning.job import job_of
from keras_dlnotes.tuning.loggers import TrialLogger
from keras_dlnotes.tuning.monitor import Progress, ProgressMonitor
from keras_dlnotes.tuning.objectives import Objectives
from keras_dlnotes.tuning.oracles import ORACLES
from keras_dlnotes.tuning.pruning import HalvingPruning, MedianPruning, check_pruning
from keras_dlnotes.tuning.ray_cluster import RayCluster
from keras_dlnotes.tuning.recipes import Space
from keras_dlnotes.tuning.records import Records, TrialRecord
from keras_dlnotes.tuning.results import Results
from keras_dlnotes.tuning.signals import unwinding
from keras_dlnotes.tuning.space_check import check_space
from keras_dlnotes.tuning.supervisor import is_exhausted
from keras_dlnotes.tuning.tuner_arguments import oracle_arguments

TRIALS = 20  # of the tuners that would never stop
MAX_EXECUTIONS = 1024
ENDLESS_TUNERS = ("random", "bayesian", "tpe")


@unwinding()
def search(
    task_or_hypermodel: Any,
    tuner: str = "hyperband",
    max_trials: int | None = None,
    objective: str | keras_tuner.Objective | Sequence[Any] | None = None,
    *,
    training: Any = None,
    validation: Any = None,
    validation_split: float | None = None,
    class_weight: Mapping[int, float] | None = None,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    optimizer: Any = None,
    loss: Any = None,
    metrics: Any = None,
    initial_configurations: Sequence[Mapping[str, Any]] | None = None,
    space: Space | None = None,
    data: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    patience: int | None = None,
    pruning: str | MedianPruning | HalvingPruning | None = None,
    executions_per_trial: int = 1,
    tuner_arguments: Mapping[str, Any] | None = None,
    max_consecutive_failures: int = 3,
    seed: int = 0,
    workers: int = 1,
    engine: str | RayCluster = "local",
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
            compiled model, or a `keras_tuner.HyperModel`; without `training`, a function
            `score(hp)` or `score(hp, folder)` that returns what a custom `fit` does, where `folder`
            is one for the files of the execution. It is called once before the first trial.
            A custom `HyperModel.fit` is called as KerasTuner does, and returns a History, a number,
            a dict of metrics or a list of these. A killed trial resumes after its last epoch if
            that is the History of its only `model.fit`; otherwise it starts over, and
            `best_model()` has the weights that the model had when `fit` returned.
        tuner: "hyperband", "random", "bayesian", "grid", or "tpe", Optuna's sampler.
        max_trials: maximum number of trials, ≥ 1; by default unlimited for "hyperband" and "grid",
            and 20 for the others. It may be increased when a search is resumed.
        objective: name of the logged value to improve, or a `keras_tuner.Objective` if its
            direction cannot be inferred from the name; by default what the task monitors, or
            "val_loss", or the number that a custom `fit` returns, which is then called
            "default_objective" and minimized. Of a list, the sum of those to minimize less the sum
            of those to maximize is minimized, as "multi_objective".
        training: the data for a hypermodel: (inputs, targets) and optional sample weights, each
            an array, or a list or dict of arrays; a `tf.data.Dataset`, a `keras.utils.PyDataset`, a
            PyTorch `DataLoader`; or a function without arguments that makes one of these, which is
            called in the process of each trial. A trial that is resumed gets the batches that it
            would have got, as far as `fit_resumable` can replay them.
        validation: the same for the data on which the objective is measured. A custom
            `HyperModel.fit` may do without.
        validation_split: share of the training arrays, their last examples, for validation.
        class_weight: class → weight of its examples in the loss, as in `keras.Model.fit`.
        steps_per_epoch: batches of an epoch; by default a pass over the training data.
        validation_steps: batches of each validation; by default all.
        callbacks: each execution of a trial gets a copy, and its state is saved with each epoch.
            The files of a `ModelCheckpoint`, `TensorBoard` or `CSVLogger` go to a folder for each
            execution, such as `logs/3/execution0`.
        optimizer: replaces what the hypermodel compiles its models with; a name or an optimizer.
        loss: the same, as in `compile`.
        metrics: the same, as in `compile`.
        initial_configurations: dicts from hyperparameters to values, which are tried first; what
            they leave out has its default. By default the default configuration is tried first.
        space: hp → arguments of the task's builder; by default the task's own space.
        data: another data set for a task, as in `data.load`.
        epochs: maximum number of epochs of a trial; by default enough to compare configurations of
            the task, or 10.
        batch_size: batch size; by default the task's own, or 32.
        patience: epochs without improvement after which a trial stops; by default the task's own,
            or never.
        pruning: "median" or "halving", or a `MedianPruning` or `HalvingPruning`: ends trials that
            were worse than others after as many epochs; by default none. A pruned trial is
            complete with the epochs that it had; its status in tables is PRUNED. Not for Hyperband,
            which ends trials itself, nor for a `HyperModel.fit` that returns anything but the
            History of its only `model.fit`, nor for a function. With several workers, which trials
            are pruned depends on which is how far.
        executions_per_trial: trainings of each configuration, from 1 to 1024, with different
            seeds; their objectives are averaged. One that is pruned is the trial's last.
        tuner_arguments: further arguments of KerasTuner's oracle, such as {"factor": 4}; with
            {"hyperparameters": hp, "tune_new_entries": False}, only those that `hp` lists are
            tuned, and the others keep their defaults.
        max_consecutive_failures: consecutive failed trials after which the search stops; trials
            that ran out of memory don't count.
        seed: int from 0 to 2³² − 1025 for the configurations, the initial weights and the order of
            the examples.
        workers: concurrent trials, from 1 (0 with a `chief`) to 1024; each worker gets a GPU or
            its share of the processor cores.
        engine: "local", processes of this machine; or "ray", or a `RayCluster`: see there.
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
            a space without one of its hyperparameters, another model, other arguments of `fit`, or
            other data, by the shape, type and SHA-256 of each array.

    Example:

    >>> results = search("digits", "random", max_trials=8, workers=2)   # doctest: +SKIP
    >>> results.best_hyperparameters["filters"]                         # doctest: +SKIP
    64
    """
    recipe = make_recipe(
        task_or_hypermodel,
        training=training,
        validation=validation,
        validation_split=validation_split,
        class_weight=class_weight,
        steps_per_epoch=steps_per_epoch,
        validation_steps=validation_steps,
        callbacks=callbacks,
        optimizer=optimizer,
        loss=loss,
        metrics=metrics,
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
    cluster = check_engine(engine, chief)
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
    initial = listed_initial(tuner, initial_configurations)
    if initial:
        settings["initial_configurations"] = initial
    rule = check_pruning(pruning, tuner, recipe)
    if rule is not None:
        settings["pruning"] = rule
    if isinstance(objective, Objectives):
        settings["objectives"] = objective.directions
    defaults = {"max_trials": TRIALS if tuner in ENDLESS_TUNERS else None}
    resume = resume and not overwrite
    with SearchFolder(path, settings, defaults, resume=resume, overwrite=overwrite) as folder:
        folder.settings.setdefault("asked", sorted(recipe.asked))
        job = job_of(recipe, folder.path, folder.settings)
        logged = check_space(folder, job)
        job = job_of(recipe, folder.path, folder.settings)
        trials = Records(folder.path, job.objective.name, read_or_quarantine).read()
        config = folder.settings["space"]
        monitor = ProgressMonitor(job, config, max_consecutive_failures, on_progress, loggers)
        folder.begin()  # even if it is finished: an earlier version has recorded less
        if not _is_finished(folder, trials):
            if monitor.warning is not None:
                logger.warning("%s", monitor.warning)
            log_search(folder.path, config, logged)
            try:
                names = [f"worker{index}" for index in range(workers)]
                engine_for(cluster, job, config, names, chief).run(monitor)
            finally:
                monitor.write_table()
        monitor.check_completed()
    return Results(path, recipe)


def _is_finished(folder: SearchFolder, trials: list[TrialRecord]) -> bool:
    if not folder.resumed or not is_exhausted(folder.path):
        return False
    most = folder.settings["max_trials"]
    has_enough = most is None or len(trials) >= most
    return has_enough and all(trial.outcome is not None for trial in trials)
