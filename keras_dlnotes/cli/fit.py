"""`dlnotes fit`: trains a task's network."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_dlnotes.cli.application import EXIT_CODES, CommandError, ExitCode, app
from keras_dlnotes.cli.console import console
from keras_dlnotes.cli.options import (
    BackendName,
    DataName,
    TaskName,
    check_exclusive,
    check_working_directory,
)
from keras_dlnotes.cli.starting import check_names, select_backend, start_tasks
from keras_dlnotes.common.checks import LARGEST_SEED


class Strategy(StrEnum):
    """How the training is distributed over devices."""

    NONE = "none"
    MIRRORED = "mirrored"


@app.command("fit", epilog=EXIT_CODES)
def fit_task(
    task: TaskName,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/TASK")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Maximum epochs.", show_default="the task's own")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Batch size.", show_default="the task's own")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=LARGEST_SEED, help="Random seed.", show_default="0"),
    ] = None,
    data: DataName = None,
    backend: BackendName = None,
    strategy: Annotated[
        Strategy | None,
        typer.Option(
            help="mirrored: train on all devices, with TensorFlow or JAX.", show_default="none"
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume the run in the folder, or start it. Its settings are kept, but "
            "--epochs may be increased.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in the folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Trains a task's network, evaluates it and writes a report.

    The run folder contains model.keras, history.csv, metrics.json, report.html and TensorBoard
    logs. If only the report cannot be written, the run counts as done; --resume tries again.
    """
    check_exclusive(resume=resume, overwrite=overwrite)
    check_working_directory()
    if backend is not None:
        select_backend(backend)
    tasks = start_tasks()
    from keras_dlnotes.data import DataUnavailableError
    from keras_dlnotes.runs import RunFolderError

    check_names(tasks, task, data, strategy)
    out = out or Path("runs", task)
    try:
        result = tasks.fit(
            task,
            out,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            data=data,
            strategy=strategy and strategy.value,
            resume=resume,
            overwrite=overwrite,
            quiet=quiet,
        )
    except RunFolderError as error:
        raise CommandError(str(error), ExitCode.FOLDER) from error
    except (DataUnavailableError, tasks.UnsuitableDataError) as error:
        raise CommandError(str(error), ExitCode.DATA) from error
    except KeyboardInterrupt:
        raise CommandError(
            "Interrupted. The same command with --resume continues after the last finished epoch.",
            ExitCode.INTERRUPTED,
        ) from None
    _print_result(result)


def _print_result(result: Any) -> None:
    metrics, name = result.metrics, result.task.primary_metric
    baseline, score = metrics["baseline"], result.task.score_named(name)
    unit = f" {score.unit}" if score.unit else ""
    if result.already_finished:
        console.print("This run is finished. To continue it, increase --epochs with --resume.")
    console.print(
        f"{score.words} {metrics[name]:.4f}{unit}, against {baseline[name]:.4f}{unit} of "
        f"{baseline['name']}",
        soft_wrap=True,
    )
    if result.report.is_file():
        console.print(f"report: {result.report}", soft_wrap=True)
