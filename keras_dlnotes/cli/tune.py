"""`dlnotes tune`: looks for the best hyperparameters of a task."""

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_dlnotes.cli.application import EXIT_CODES, CommandError, ExitCode, app
from keras_dlnotes.cli.console import console, lines, print_error
from keras_dlnotes.cli.options import (
    BackendName,
    DataName,
    TaskName,
    check_exclusive,
    check_working_directory,
)
from keras_dlnotes.cli.search_display import SearchDisplay
from keras_dlnotes.cli.starting import check_names, select_backend, start_tasks
from keras_dlnotes.common.checks import LARGEST_SEED

PAGE = "report.html"
GOES_ON = (
    "The same command with --resume goes on: with the trials that have ended as they are, with the "
    "others from their last finished epoch."
)


class Tuner(StrEnum):
    """How the configurations are chosen."""

    HYPERBAND = "hyperband"
    RANDOM = "random"
    BAYESIAN = "bayesian"
    GRID = "grid"


@app.command("tune", epilog=EXIT_CODES)
def tune_task(
    task: TaskName,
    tuner: Annotated[
        Tuner, typer.Option(help="How the configurations are chosen.")
    ] = Tuner.HYPERBAND,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Most trials.", show_default="20, or all there are"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Most epochs of a trial.", show_default="enough to compare"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1024,
            help="Trials at a time, each on its GPU or its share of the cores.",
            show_default="1, or 0 with --chief",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search.", show_default="searches/TASK")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED - 1024, help="Fixes all that is random.")
    ] = 0,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Value that a trial logs each epoch, and that is to improve.",
            show_default="what the task monitors",
        ),
    ] = None,
    data: DataName = None,
    backend: BackendName = None,
    chief: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Hand out the trials here, to workers of other machines that share the folder.",
            show_default="none",
        ),
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Train trials for the chief there; its folder is --out.",
            show_default="none",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the search in the folder, or start it; it keeps its settings, but "
            "--trials may be larger.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the search in the folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress display.")] = False,
) -> None:
    """Looks for the best hyperparameters of a task's network, and writes a report.

    The folder of the search gets results.csv, a row for every trial and epoch, report.html, and a
    folder for each trial.
    """
    check_exclusive(resume=resume, overwrite=overwrite)
    check_exclusive(chief=chief, worker=worker)
    check_working_directory()
    if workers == 0 and chief is None:
        raise CommandError("--workers 0 needs a --chief.", ExitCode.USAGE)
    if backend is not None:
        select_backend(backend)
    tasks = start_tasks()
    check_names(tasks, task, data)
    from keras_dlnotes import tuning
    from keras_dlnotes.runs import RunFolderError

    out = out or Path("searches", task)
    display = SearchDisplay(is_shown=not quiet)
    try:
        with _told_where_it_is_ended(), display:
            if worker is not None:
                tuning.work(task, worker, out, workers=workers or 1, on_progress=display.show)
                return
            results = tuning.search(
                task,
                tuner.value,
                trials,
                objective,
                data=data,
                epochs=epochs,
                seed=seed,
                workers=(1 if chief is None else 0) if workers is None else workers,
                chief=chief,
                directory=out,
                resume=resume,
                overwrite=overwrite,
                on_progress=display.show,
            )
    except RunFolderError as error:
        raise CommandError(str(error), ExitCode.FOLDER) from error
    except tuning.SearchError as error:
        if error.details and not display.has_told_failures:
            console.print(lines(error.details), soft_wrap=True)
        raise CommandError(error.summary, ExitCode.FAILED) from error
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except KeyboardInterrupt:
        raise CommandError(f"Interrupted. {GOES_ON}", ExitCode.INTERRUPTED) from None
    _print_results(results, out)


@contextlib.contextmanager
def _told_where_it_is_ended() -> Iterator[None]:
    """Says what a signal that ends this process leaves, before it does."""
    from keras_dlnotes.tuning.signals import Terminated, unwinding

    with unwinding():
        try:
            yield
        except Terminated as end:
            with contextlib.suppress(OSError):
                print_error(f"{end} {GOES_ON}")
            raise


def _print_results(results: Any, out: Path) -> None:
    from keras_dlnotes.runs.page import report_or_warning

    values = ", ".join(
        f"{name}={_short(value)}"
        for name, value in results.best_hyperparameters.items()
        if not name.startswith("tuner/")
    )
    told = [
        f"best {results.objective} {results.best_score:.4f} in trial {results.best_trial}: {values}"
    ]
    if results.failures:
        told.append(f"failed trials: {', '.join(results.failures)}")
    told += results.remarks
    with report_or_warning(), console.status("Writing the report …"):
        results.to_html(out / PAGE)
        told.append(f"report: {out / PAGE}")
    for line in told:
        console.print(line, soft_wrap=True)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
