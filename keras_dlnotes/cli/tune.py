"""`dlnotes tune`: searches for the best hyperparameters of a task."""

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
    OptionalTaskName,
    check_exclusive,
    check_working_directory,
)
from keras_dlnotes.cli.search_display import SearchDisplay
from keras_dlnotes.cli.starting import check_names, select_backend, start_keras, start_tasks
from keras_dlnotes.common.checks import LARGEST_SEED

PAGE = "report.html"
RESUME_HINT = (
    "The same command with --resume continues the search: finished trials are kept, and the others "
    "resume after their last finished epoch."
)


class Tuner(StrEnum):
    """The tuners of KerasTuner, and Optuna's."""

    HYPERBAND = "hyperband"
    RANDOM = "random"
    BAYESIAN = "bayesian"
    GRID = "grid"
    TPE = "tpe"


class PruningRule(StrEnum):
    """By which trials end early."""

    MEDIAN = "median"
    HALVING = "halving"


class EngineName(StrEnum):
    """What runs the trials."""

    LOCAL = "local"
    RAY = "ray"


@app.command("tune", epilog=EXIT_CODES)
def tune_task(
    task: OptionalTaskName = None,
    tuner: Annotated[Tuner, typer.Option(help="Search algorithm.")] = Tuner.HYPERBAND,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum trials.", show_default="20, or unlimited"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum epochs of a trial.", show_default="enough to compare"),
    ] = None,
    pruning: Annotated[
        PruningRule | None,
        typer.Option(
            help="End trials that are worse than others after as many epochs; not for hyperband.",
            show_default="none",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1024,
            help="Concurrent trials, each on a GPU or its share of the processor cores.",
            show_default="1, or 0 with --chief",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Search folder.", show_default="searches/TASK")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED - 1024, help="Random seed.")] = 0,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Logged metric to improve.",
            show_default="what the task monitors",
        ),
    ] = None,
    data: DataName = None,
    backend: BackendName = None,
    engine: Annotated[
        EngineName, typer.Option(help="Run trials by processes of this machine, or by Ray.")
    ] = EngineName.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Ray cluster that runs the trials, or auto.",
            show_default="this machine alone",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the machines of the Ray cluster share checkpoints, such as s3://bucket.",
            show_default="the search folder",
        ),
    ] = None,
    chief: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve trials at this address to workers on machines that share the folder.",
            show_default="none",
        ),
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Train trials for the chief at this address; --out is its folder.",
            show_default="none",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume the search in the folder, or start it. Its settings are kept, but "
            "--trials may be increased.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the search in the folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress display.")] = False,
    watch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Only show the search in this folder, which may run elsewhere or have ended.",
            show_default="none",
        ),
    ] = None,
) -> None:
    """Searches for the best hyperparameters of a task's network and writes a report.

    The search folder contains results.csv, with a row for every trial and epoch, report.html, and a
    folder for each trial.
    """
    check_exclusive(resume=resume, overwrite=overwrite)
    check_exclusive(chief=chief, worker=worker)
    check_working_directory()
    if watch is not None:
        check_exclusive(watch=watch, resume=resume, overwrite=overwrite, out=out, chief=chief)
        watch_search(watch, is_shown=not quiet)
        return
    if task is None:
        raise CommandError("Missing argument 'TASK'; `dlnotes tasks` lists them.", ExitCode.USAGE)
    if engine is EngineName.LOCAL and (address or storage):
        raise CommandError("--address and --storage need --engine ray.", ExitCode.USAGE)
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
        with _explained_termination(), display:
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
                pruning=pruning and pruning.value,
                seed=seed,
                workers=(1 if chief is None else 0) if workers is None else workers,
                engine=(
                    engine.value
                    if engine is EngineName.LOCAL
                    else tuning.RayCluster(address, storage=storage)
                ),
                chief=chief,
                directory=out,
                resume=resume,
                overwrite=overwrite,
                on_progress=display.show,
            )
    except RunFolderError as error:
        raise CommandError(str(error), ExitCode.FOLDER) from error
    except tuning.SearchError as error:
        if error.details and not display.has_shown_failures:
            console.print(lines(error.details), soft_wrap=True)
        raise CommandError(error.summary, ExitCode.FAILED) from error
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except KeyboardInterrupt:
        raise CommandError(f"Interrupted. {RESUME_HINT}", ExitCode.INTERRUPTED) from None
    _print_results(results, out)


@contextlib.contextmanager
def _explained_termination() -> Iterator[None]:
    """Prints how to resume before a signal ends this process."""
    from keras_dlnotes.tuning.signals import Terminated, unwinding

    with unwinding():
        try:
            yield
        except Terminated as end:
            with contextlib.suppress(OSError):
                print_error(f"{end} {RESUME_HINT}")
            raise


def watch_search(folder: Path, is_shown: bool) -> None:
    """Shows the search in a folder until it ends."""
    start_keras()
    from keras_dlnotes import tuning
    from keras_dlnotes.runs import RunFolderError
    from keras_dlnotes.tuning.watching import PAGE, watch

    console.print(f"page: {folder / PAGE}", soft_wrap=True)
    display = SearchDisplay(is_shown=is_shown)
    try:
        with display:
            is_finished = watch(folder, display.show)
        results = tuning.Results(folder)
        if not is_finished:
            console.print("No process has been at work in the folder for a minute.")
        with contextlib.suppress(ValueError):  # no trial is complete
            _print(_summary(results))
    except (FileNotFoundError, RunFolderError) as error:
        raise CommandError(str(error), ExitCode.FOLDER) from error
    except KeyboardInterrupt:
        raise CommandError("Interrupted. The search goes on.", ExitCode.INTERRUPTED) from None


def _print_results(results: Any, out: Path) -> None:
    from keras_dlnotes.runs.page import report_or_warning

    output = _summary(results)
    with report_or_warning(), console.status("Writing the report …"):
        results.to_html(out / PAGE)
        output.append(f"report: {out / PAGE}")
    _print(output)


def _print(output: list[str]) -> None:
    for line in output:
        console.print(line, soft_wrap=True)


def _summary(results: Any) -> list[str]:
    """Returns lines about the best trial, the failures and what may surprise."""
    values = ", ".join(
        f"{name}={_short(value)}"
        for name, value in results.best_hyperparameters.items()
        if not name.startswith("tuner/")
    )
    output = [
        f"best {results.objective} {results.best_score:.4f} in trial {results.best_trial}: {values}"
    ]
    if results.failures:
        output.append(f"failed trials: {', '.join(results.failures)}")
    return [*output, *results.remarks]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
