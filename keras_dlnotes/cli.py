"""The command line `dlnotes`: the only reader of arguments and the only printer."""

import contextlib
import importlib.util
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from keras_dlnotes._version import __version__


class ExitCode(IntEnum):
    """What a script can tell from how `dlnotes` ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    FOLDER = 3
    DATA = 4
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done, or it had been done already",
    ExitCode.FAILED: "the run failed",
    ExitCode.USAGE: "unknown task, data set or option; backend that is not installed",
    ExitCode.FOLDER: "the run folder is occupied, in use, not writable, of other settings or "
    "corrupt",
    ExitCode.DATA: "the data set is not to be had or does not suit the task",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
}
EXIT_CODES = "\n\n".join(
    ["Exit codes:", *(f"{code.value} {meaning}" for code, meaning in MEANINGS.items())]
)
# Typer does not export its class of all usage errors, only this one derived from it.
UsageError = typer.BadParameter.__base__


class Backend(StrEnum):
    """The frameworks that Keras runs on."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"
    TORCH = "torch"


class Strategy(StrEnum):
    """How the work is spread over devices."""

    NONE = "none"
    MIRRORED = "mirrored"


class CommandError(Exception):
    """An end other than `ExitCode.DONE`, with the one line that says why."""

    def __init__(self, message: str, code: ExitCode):
        super().__init__(message)
        self.code = code


app = typer.Typer(
    help="Fits the networks of a deep-learning course's lecture notes on real data.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(highlight=False)


def main() -> NoReturn:
    """Runs the command line of this process and ends it with one of the `ExitCode`s."""
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        if _debugging():
            traceback.print_exc()
        code = _explain(error)
    except KeyboardInterrupt:
        code = _explain(CommandError("Interrupted.", ExitCode.INTERRUPTED))
    sys.exit(code or ExitCode.DONE)


def _debugging() -> bool:
    return "--debug" in sys.argv


def _explain(error: Exception) -> ExitCode:
    """Says on one line of the error stream what went wrong."""
    if isinstance(error, CommandError):
        message, code = str(error), error.code
    elif isinstance(error, UsageError):
        message, code = error.format_message(), ExitCode.USAGE
    else:
        message, code = f"{type(error).__name__}: {error}", ExitCode.FAILED
    if message:  # there is none where no command was given, and the help was printed instead
        print("dlnotes:", *message.split(), file=sys.stderr)
    return code


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(f"dlnotes {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    pass


@app.command("tasks")
def list_tasks() -> None:
    """Lists the tasks that `fit` knows."""
    tasks = _start_tasks()
    table = _table("task", "what it does", "lecture notes", "data")
    for task in tasks.TASKS.values():
        table.add_row(task.name, task.description, task.section, task.data)
    console.print(table)


@app.command("data")
def list_data() -> None:
    """Lists the data sets that come with the package."""
    from keras_dlnotes import data

    table = _table("name", "what it is", "examples", "licence")
    for card in map(data.card, data.names()):
        sizes = ", ".join(f"{size:,} {split}" for split, size in card.sizes.items())
        table.add_row(card.name, card.title, sizes, card.licence)
    console.print(table)
    console.print("--data tfds:NAME takes any suitable one of TensorFlow Datasets.")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0)
    return table


@app.command("fit", epilog=EXIT_CODES)
def fit_task(
    task: Annotated[str, typer.Argument(help="Name of a task; `dlnotes tasks` lists them.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/TASK")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Most epochs.", show_default="the task's own")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Examples a step.", show_default="the task's own")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Fixes all that is random.", show_default="0")
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
    strategy: Annotated[
        Strategy | None,
        typer.Option(help="mirrored: on all of TensorFlow's devices.", show_default="none"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in the folder, or start it; it keeps its settings, but "
            "--epochs may be larger.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in the folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Trains a task's network, scores it and writes a report.

    The folder of the run gets model.keras, history.csv, metrics.json, report.html and TensorBoard
    logs.
    """
    if resume and overwrite:
        raise CommandError("--resume and --overwrite exclude each other.", ExitCode.USAGE)
    if backend is not None:
        _select_backend(backend)
    tasks = _start_tasks()
    from keras_dlnotes.data import DataUnavailableError
    from keras_dlnotes.training import RunFolderError

    _check_names(tasks, task, data, strategy)
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
            "Interrupted. The same command with --resume goes on from the last finished epoch.",
            ExitCode.INTERRUPTED,
        ) from None
    _print_result(result)


def _check_names(tasks: Any, task: str, data: str | None, strategy: Strategy | None) -> None:
    """Names what is not known before anything starts."""
    from keras_dlnotes.data import card

    try:
        tasks.get(task)
        tasks.check_strategy(strategy)
        if data is not None and not data.startswith("tfds:"):
            card(data)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error


def _print_result(result: Any) -> None:
    metrics, headline = result.metrics, result.task.headline
    baseline = metrics["baseline"]
    if result.already_finished:
        console.print("This run is finished. More --epochs with --resume would go on with it.")
    console.print(
        f"{headline.replace('_', ' ')} {metrics[headline]:.4f}, against "
        f"{baseline[headline]:.4f} of {baseline['name']}",
        soft_wrap=True,
        markup=False,
    )
    console.print(f"report: {result.report}", soft_wrap=True, markup=False)


def _select_backend(backend: Backend) -> None:
    """Makes Keras use the backend; where it already runs on another one, this process starts over.

    Keras reads the environment variable when it is imported, and never again.
    """
    if importlib.util.find_spec(backend) is None:
        raise CommandError(
            f"Backend {backend} is not installed. Install it: "
            f"pip install 'keras_dlnotes[{backend}]'",
            ExitCode.USAGE,
        )
    os.environ["KERAS_BACKEND"] = backend
    if "keras" in sys.modules and sys.modules["keras"].backend.backend() != backend:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _start_tasks() -> Any:
    """Imports the tasks and starts TensorFlow, which takes seconds and is talkative.

    On every backend, the data sets and the logs need TensorFlow.
    """
    with console.status("Starting …"), _quiet_error_stream():
        import tensorflow

        from keras_dlnotes import tasks

        tensorflow.config.list_physical_devices()
    return tasks


@contextlib.contextmanager
def _quiet_error_stream() -> Iterator[None]:
    """Drops what TensorFlow's C++ code logs while it starts, unless it fails to.

    No environment variable keeps it from logging, and it writes to the file descriptor itself.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
