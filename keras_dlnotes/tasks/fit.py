"""Running a task in a folder of its own."""

import contextlib
import json
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from keras_dlnotes._version import __version__
from keras_dlnotes.checks import argument_error, choice, integer
from keras_dlnotes.tasks.report import report_page
from keras_dlnotes.tasks.table import get
from keras_dlnotes.tasks.task import Splits, Task
from keras_dlnotes.training import (
    RunFolder,
    RunState,
    ShuffledBatches,
    atomic_path,
    fit_resumable,
    run_state,
    write_json,
)
from keras_dlnotes.training.run_folder import METRICS, MODEL, REPORT

STRATEGIES = ("none", "mirrored")


@dataclass(frozen=True)
class FitResult:
    """What a fit leaves.

    Attributes:
        task: that was run.
        folder: with `model.keras`, `history.csv`, `metrics.json`, `report.html` and `logs`.
        metrics: the content of `metrics.json`.
        epochs_before: finished epochs that the run began with; 0 unless it was resumed.
        already_finished: whether there was nothing left to do.
    """

    task: Task
    folder: Path
    metrics: dict[str, Any]
    epochs_before: int
    already_finished: bool

    @property
    def report(self) -> Path:
        """The report page."""
        return self.folder / REPORT


def fit(
    task: str | Task,
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

    It sets the seeds of Python, NumPy and the backend. A run that is interrupted at any moment can
    be resumed, and then ends with the numbers that it would have had uninterrupted.

    Args:
        task: a name out of `names()`, or a `Task` of your own.
        out: folder of the run; `runs/NAME` where None.
        epochs: most epochs, ≥ 1. Where None, this and the next four are the task's own or, for a
            resumed run, those it was started with.
        batch_size: examples a step, ≥ 1.
        seed: int ≥ 0 that fixes all that is random; 0 by default.
        data: another data set, as `data.load` takes it.
        strategy: "none", or "mirrored" for TensorFlow's `MirroredStrategy` over all its devices.
        resume: go on with the run in the folder; starts one where there is none.
        overwrite: replace the run in the folder.
        quiet: without Keras's progress bar, the only thing that is printed.

    Returns:
        A `FitResult`.

    Raises:
        ValueError: for an unknown task or a setting out of range.
        data.DataUnavailableError: where the data set isn't to be had.
        UnsuitableDataError: where it is of the wrong kind for the task.
        RunFolderError: where the folder is occupied, in use, not writable or corrupt, or where
            settings differ from those of the run to resume.

    Example:

    >>> result = fit("digits", "runs/example", epochs=20)  # doctest: +SKIP
    >>> result.metrics["test_accuracy"]                    # doctest: +SKIP
    0.9721448421478271
    """
    task = get(task) if isinstance(task, str) else task
    for name, value, minimum in (
        ("epochs", epochs, 1),
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
    ):
        if value is not None:
            integer(name, value, minimum)
    check_strategy(strategy)
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
    path = Path("runs") / task.name if out is None else Path(out)
    with RunFolder(path, settings, defaults, resume=resume, overwrite=overwrite) as folder:
        before = run_state(folder)
        if _is_finished(folder, before):
            metrics = json.loads((folder.path / METRICS).read_text(encoding="utf-8"))
            return FitResult(task, folder.path, metrics, before.epoch, already_finished=True)
        with _scope(folder.settings["strategy"]):
            metrics = _run(task, folder, verbose=0 if quiet else "auto")
        return FitResult(task, folder.path, metrics, before.epoch, already_finished=False)


def _is_finished(folder: RunFolder, state: RunState) -> bool:
    ran_out = state.stopped or state.epoch == folder.settings["epochs"]
    return ran_out and folder.has_results()


def _run(task: Task, folder: RunFolder, verbose: str | int) -> dict[str, Any]:
    settings = folder.settings
    keras.utils.set_random_seed(settings["seed"])
    splits = task.prepare(settings["data"])
    model = compiled_model(task, splits, settings["batch_size"])
    state = fit_resumable(
        model,
        splits.training,
        splits.validation,
        folder,
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        seed=settings["seed"],
        patience=task.patience,
        verbose=verbose,
    )
    with atomic_path(folder.path / MODEL) as partial:
        model.save(partial)
    metrics = _metrics(task, model, splits, state, settings)
    write_json(folder.path / METRICS, metrics)
    page = report_page(task, model, splits, state.history, settings, metrics)
    with atomic_path(folder.path / REPORT) as partial:
        partial.write_text(page.render(), encoding="utf-8")
    return metrics


def compiled_model(task: Task, splits: Splits, batch_size: int) -> keras.Model:
    """Builds a task's model and compiles it with the task's optimizer, loss and metrics."""
    model = task.build(splits, **task.arguments)
    optimizer = _optimizer(task, splits, batch_size)
    model.compile(optimizer, loss=task.loss, metrics=list(task.metrics))
    return model


def _optimizer(task: Task, splits: Splits, batch_size: int) -> keras.optimizers.Optimizer:
    rate = task.learning_rate
    if task.halving_epochs is not None:
        steps = len(ShuffledBatches(splits.training, batch_size, seed=0))
        rate = keras.optimizers.schedules.ExponentialDecay(rate, task.halving_epochs * steps, 0.5)
    return keras.optimizers.Adam(rate)


def _metrics(
    task: Task, model: keras.Model, splits: Splits, state: RunState, settings: dict[str, Any]
) -> dict[str, Any]:
    baseline = task.baseline(splits)
    backend = settings["backend"]
    return {
        "task": task.name,
        "data": settings["data"],
        **task.score(model, splits.test),
        "baseline": {"name": baseline.name, **baseline.scores},
        "parameters": model.count_params(),
        "epochs": state.epoch,
        "best_epoch": state.early_stopping["best_epoch"] + 1,
        "seconds": round(state.seconds, 1),
        "seed": settings["seed"],
        "backend": backend,
        "versions": {
            "python": platform.python_version(),
            "keras_dlnotes": __version__,
            **{package: import_module(package).__version__ for package in ("keras", backend)},
        },
    }


def check_strategy(strategy: str | None) -> None:
    """Raises a ValueError where the strategy is unknown or the backend cannot follow it.

    >>> check_strategy("mirored")
    Traceback (most recent call last):
    ValueError: Argument `strategy` must be one of 'none', 'mirrored'. Received: strategy='mirored'
    """
    if strategy is None:
        return
    choice("strategy", strategy, STRATEGIES)
    if strategy == "mirrored" and keras.backend.backend() != "tensorflow":
        raise argument_error("strategy", "'none' on every backend but TensorFlow", strategy)


def _scope(strategy: str) -> AbstractContextManager[Any]:
    if strategy == "none":
        return contextlib.nullcontext()
    import tensorflow

    return tensorflow.distribute.MirroredStrategy().scope()
