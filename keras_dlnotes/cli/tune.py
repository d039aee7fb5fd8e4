"""`dlnotes tune`: looks for the best hyperparameters of a task."""

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from keras_dlnotes.cli.application import EXIT_CODES, CommandError, ExitCode, app, console
from keras_dlnotes.cli.starting import Backend, check_names, select_backend, start_tasks

PAGE = "report.html"


class Tuner(StrEnum):
    """How the configurations are chosen."""

    HYPERBAND = "hyperband"
    RANDOM = "random"
    BAYESIAN = "bayesian"
    GRID = "grid"


@app.command("tune", epilog=EXIT_CODES)
def tune_task(
    task: Annotated[str, typer.Argument(help="Name of a task; `dlnotes tasks` lists them.")],
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
            help="Trials at a time, each on its GPU or its share of the cores.",
            show_default="1, or 0 with --chief",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search.", show_default="searches/TASK")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes all that is random.")] = 0,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Value that a trial logs each epoch, and that is to improve.",
            show_default="what the task monitors",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|tfds:NAME",
            help="Another data set: one that `dlnotes data` lists, or one of TensorFlow Datasets.",
            show_default="the task's own",
        ),
    ] = None,
    backend: Annotated[
        Backend | None,
        typer.Option(help="Framework to run on.", show_default="KERAS_BACKEND, or tensorflow"),
    ] = None,
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
    if resume and overwrite:
        raise CommandError("--resume and --overwrite exclude each other.", ExitCode.USAGE)
    if chief is not None and worker is not None:
        raise CommandError("--chief and --worker exclude each other.", ExitCode.USAGE)
    if workers == 0 and chief is None:
        raise CommandError("--workers 0 needs a --chief.", ExitCode.USAGE)
    if backend is not None:
        select_backend(backend)
    tasks = start_tasks()
    check_names(tasks, task, data)
    from keras_dlnotes import tuning
    from keras_dlnotes.training import RunFolderError

    out = out or Path("searches", task)
    display = _Display(is_shown=not quiet)
    try:
        with display:
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
            console.print(Text(error.details), soft_wrap=True)
        raise CommandError(error.summary, ExitCode.FAILED) from error
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except KeyboardInterrupt:
        raise CommandError(
            "Interrupted. The same command with --resume goes on: with the trials that have ended "
            "as they are, with the others from their last finished epoch.",
            ExitCode.INTERRUPTED,
        ) from None
    _print_results(results, out)


def _print_results(results: Any, out: Path) -> None:
    values = ", ".join(
        f"{name}={_short(value)}"
        for name, value in results.best_hyperparameters.items()
        if not name.startswith("tuner/")
    )
    lines = [
        f"best {results.objective} {results.best_score:.4f} in trial {results.best_trial}: {values}"
    ]
    if results.failures:
        lines.append(f"failed trials: {', '.join(results.failures)}")
    with console.status("Writing the report …"):
        results.to_html(out / PAGE)
    for line in [*lines, f"report: {out / PAGE}"]:
        console.print(line, soft_wrap=True, markup=False)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class _Display:
    """The one live display of a search: trials done, best so far, time left, what runs.

    Without a terminal, it is a line for each trial that has ended.
    """

    def __init__(self, is_shown: bool):
        self.has_told_failures = False
        self._is_shown = is_shown
        self._told: set[str] = set()
        self._bar = Progress(
            TextColumn("trials"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
        )
        self._task = self._bar.add_task("Starting …", total=None)
        self._live = Live(self._bar, console=console, refresh_per_second=4, transient=True)
        self._log = logging.getLogger("keras_dlnotes.tuning.endings")

    def __enter__(self) -> "_Display":
        self._log.disabled = True  # what it says is shown here
        if self._is_shown and console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._log.disabled = False
        if self._live.is_started:
            self._live.stop()

    def show(self, progress: Any) -> None:
        """Shows how far the search has come."""
        for trial in progress.failed:
            self.has_told_failures = True
            text = Text(f"Trial {trial.name} failed:\n{trial.ending.message}")
            console.print(text, soft_wrap=True)  # paths stay whole
        if not self._is_shown:
            return
        if not console.is_terminal:
            self._print_new(progress)
            return
        best = "" if progress.best is None else f"best {progress.objective} {progress.best:.4f}"
        left = "" if progress.seconds_left is None else f"{_duration(progress.seconds_left)} left"
        self._bar.update(
            self._task,
            completed=progress.done,
            total=progress.planned,
            description=", ".join(filter(None, [best, left])) or "the first trials run",
        )
        lines = [
            f"  trial {trial.name}: epoch {trial.epochs} of "
            f"{trial.hyperparameters.get('tuner/epochs', progress.epochs)}"
            for trial in progress.running
        ]
        self._live.update(Group(self._bar, Text("\n".join(lines))))

    def _print_new(self, progress: Any) -> None:
        ended = [trial for trial in progress.trials if trial.ending is not None]
        if not self._told and len(ended) > 1:  # the search goes on from an earlier one
            self._told = {trial.name for trial in ended}
        for trial in ended:
            score = trial.score(progress.objective)
            if trial.name not in self._told and score is not None:
                console.print(f"trial {trial.name}: {progress.objective} {score:.4f}")
            self._told.add(trial.name)


def _duration(seconds: float) -> str:
    """Returns a time to read at a glance.

    >>> _duration(50), _duration(200), _duration(9000)
    ('50 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
