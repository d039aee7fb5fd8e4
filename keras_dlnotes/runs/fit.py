"""Fits a task in a run folder."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from keras_dlnotes._version import __version__
from keras_dlnotes.common import checks
from keras_dlnotes.common.checks import LARGEST_SEED, argument_error, flag, integer
from keras_dlnotes.common.files import write_bytes, write_text
from keras_dlnotes.runs.checkpoints import RunState
from keras_dlnotes.runs.fit_folder import FitFolder
from keras_dlnotes.runs.folder import METRICS, MODEL, REPORT, VARIANTS, RunFolder
from keras_dlnotes.runs.page import report_or_warning, report_page
from keras_dlnotes.runs.records import write_record
from keras_dlnotes.runs.resumable import fit_resumable, run_state
from keras_dlnotes.runs.serialization import model_content
from keras_dlnotes.runs.strategies import (
    EvenBatches,
    check_strategy,
    divisor,
    even,
    scope,
    synchronized,
)
from keras_dlnotes.runs.task import Baseline, Outcome, Splits, Task, check_data


@dataclass(frozen=True)
class FitResult:
    """The outcome of `fit`.

    Attributes:
        task: the task that was fitted.
        folder: with `model.keras`, `history.csv`, `metrics.json`, `report.html` and `logs`.
        metrics: the content of `metrics.json`.
        epochs_before: epochs finished before this call; 0 unless the run was resumed.
        already_finished: whether there was nothing left to do.
    """

    task: Task
    folder: Path
    metrics: dict[str, Any]
    epochs_before: int
    already_finished: bool

    @property
    def report(self) -> Path:
        """The path of the report page; the file is missing where it could not be written."""
        return self.folder / REPORT


def fit(
    task: Task,
    out: str | Path | None = None,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    data: str | None = None,
    strategy: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> FitResult:
    """Trains a task's model on its data, scores it against the baseline and writes a report.

    Sets the seeds of Python, NumPy and the backend. A run interrupted at any moment can be resumed
    and then gives the same numbers as an uninterrupted one. If the report can't be written, a
    warning is logged; resuming the run writes it.

    Args:
        task: a `Task`; `tasks.fit` also takes the name of one.
        out: the run folder; `runs/NAME` if None.
        epochs: maximum epochs, ≥ 1. If None, this and the next four are the task's own or, for a
            resumed run, those it was started with.
        batch_size: batch size, ≥ 1.
        seed: random seed, int ≥ 0 and < 2³²; 0 by default.
        data: another data set, as in `data.load`.
        strategy: "none", or "mirrored" for data parallelism over all devices: TensorFlow's
            `MirroredStrategy`, or JAX through `keras.distribution.DataParallel`, for which the
            batch size has to be a multiple of the number of devices.
        resume: continue the run in the folder, or start one if there is none.
        overwrite: replace the run in the folder.
        quiet: hide Keras's progress bar, the only thing that is printed.

    Returns:
        A `FitResult`.

    Raises:
        ValueError: for an unknown task or data set, or a setting out of range.
        data.DataUnavailableError: if the data set is unavailable.
        UnsuitableDataError: if it is of the wrong kind for the task.
        RunFolderError: if the folder is occupied, in use, not writable or corrupt, or if settings
            differ from those of the run to resume.

    Example:

    >>> result = fit(tasks.get("digits"), "runs/example", epochs=20)  # doctest: +SKIP
    >>> result.metrics["test_accuracy"]  # doctest: +SKIP
    0.9721448421478271
    """
    if not isinstance(task, Task):
        raise argument_error("task", "a Task", task)
    for name, value, minimum, maximum in (
        ("epochs", epochs, 1, None),
        ("batch_size", batch_size, 1, None),
        ("seed", seed, 0, LARGEST_SEED),
    ):
        if value is not None:
            integer(name, value, minimum, maximum)
    for name, value in (("resume", resume), ("overwrite", overwrite), ("quiet", quiet)):
        flag(name, value)
    check_data(task, data)
    check_strategy(strategy)
    if task.carry_states and strategy == "mirrored":
        raise argument_error("strategy", "'none' for a task that carries states", strategy)
    settings = {
        "task": task.name,
        "data": data,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "strategy": strategy,
        "backend": keras.backend.backend(),
    }
    defaults = {
        "data": task.data,
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "seed": 0,
        "strategy": "none",
    }
    path = Path("runs") / task.name if out is None else checks.path("out", out)
    with FitFolder(path, settings, defaults, resume=resume, overwrite=overwrite) as folder:
        before = run_state(folder)
        if _is_finished(folder, before):
            metrics = folder.read_metrics(task, before)
            if metrics is not None:
                return FitResult(task, folder.path, metrics, before.epoch, already_finished=True)
        metrics = _run(task, folder, verbose=0 if quiet else "auto")
        return FitResult(task, folder.path, metrics, before.epoch, already_finished=False)


def _is_finished(folder: RunFolder, state: RunState) -> bool:
    ran_out = state.stopped or state.epoch == folder.settings["epochs"]
    return ran_out and folder.has_results()


def _run(task: Task, folder: RunFolder, verbose: str | int) -> dict[str, Any]:
    settings = folder.settings
    keras.utils.set_random_seed(settings["seed"])
    splits = task.prepare(settings["data"])
    outcome, network = _trained(task, splits, task.arguments, folder, verbose)
    write_bytes(folder.path / MODEL, model_content(outcome.model))
    variants = {}
    for number, (name, arguments) in enumerate(task.variants.items()):
        path = folder.path / VARIANTS / str(number)
        with FitFolder(path, settings | {"network": name}, resume=True) as variant_folder:
            variants[name] = _trained(task, splits, arguments, variant_folder, verbose)
    outcome = replace(outcome, variants={name: variant for name, (variant, _) in variants.items()})
    metrics = {
        "task": task.name,
        "data": settings["data"],
        **network,
        "variants": {name: record for name, (_, record) in variants.items()},
        **_baselines(task, splits),
        "seed": settings["seed"],
        "backend": settings["backend"],
        "versions": _versions(settings["backend"]),
    }
    write_record(folder.path / METRICS, metrics)
    with report_or_warning():
        page = report_page(task, outcome, settings, metrics)
        write_text(folder.path / REPORT, page.render())
    return metrics


def compiled(
    task: Task, splits: Splits, batch_size: int, arguments: Mapping[str, Any]
) -> keras.Model:
    """Returns a task's model, built with these arguments and compiled."""
    model = task.build(splits, **arguments)
    rate = task.learning_rate
    if task.halving_epochs is not None:
        steps = len(task.batches(splits.training, batch_size, 0))
        rate = keras.optimizers.schedules.ExponentialDecay(rate, task.halving_epochs * steps, 0.5)
    model.compile(keras.optimizers.Adam(rate), loss=task.loss, metrics=list(task.metrics))
    return model


def _trained(
    task: Task,
    splits: Splits,
    arguments: Mapping[str, Any],
    folder: RunFolder,
    verbose: str | int,
) -> tuple[Outcome, dict[str, Any]]:
    """Trains and scores one network in its folder; returns it with its part of `metrics.json`."""
    settings = folder.settings
    keras.utils.set_random_seed(settings["seed"])  # independent of what was trained before
    parts = divisor(settings["strategy"])
    if settings["batch_size"] % parts:
        expected = f"a multiple of the number of devices, {parts}"
        raise argument_error("batch_size", expected, settings["batch_size"])
    with scope(settings["strategy"]):
        model = compiled(task, splits, settings["batch_size"], arguments)
        with synchronized(model, settings["strategy"]):
            state = fit_resumable(
                model,
                splits.training,
                even(splits.validation, parts),
                folder,
                epochs=settings["epochs"],
                batch_size=settings["batch_size"],
                seed=settings["seed"],
                patience=task.patience,
                monitor=task.monitor,
                batches=task.batches if parts == 1 else _even_batches(task, parts),
                carry_states=task.carry_states,
                verbose=verbose,
            )
    scores = task.score(model, splits)
    best_epoch = state.early_stopping["best_epoch"] + 1
    outcome = Outcome(model, splits, scores, state.history, best_epoch)
    return outcome, {
        **scores,
        "parameters": model.count_params(),
        "epochs": state.epoch,
        "best_epoch": best_epoch,
        "seconds": round(state.seconds, 1),
    }


def _even_batches(task: Task, parts: int) -> Callable[..., keras.utils.PyDataset]:
    return lambda *arguments: EvenBatches(task.batches(*arguments), parts)


def _baselines(task: Task, splits: Splits) -> dict[str, Any]:
    found = task.baseline(splits)
    first, *others = [found] if isinstance(found, Baseline) else found
    named = [{"name": baseline.name, **baseline.scores} for baseline in (first, *others)]
    return {"baseline": named[0], "other_baselines": named[1:]}


def _versions(backend: str) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "keras_dlnotes": __version__,
        **{package: import_module(package).__version__ for package in ("keras", backend)},
    }
