"""What all commands share: the application, its exit codes, and how errors are told."""

import os
import sys
from enum import IntEnum
from typing import Annotated, NoReturn

import typer
from rich.table import Table

from keras_dlnotes._version import __version__
from keras_dlnotes.cli.console import console, plain_warnings, print_error, print_traceback
from keras_dlnotes.cli.streams import lasting_streams
from keras_dlnotes.common.extras import MissingPackageError


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
    ExitCode.USAGE: "unknown task, data set, model or option; a package is not installed",
    ExitCode.FOLDER: "the run folder is occupied, in use, not writable, of other settings or "
    "corrupt; the disk is full; a page can't be written; the working directory is gone",
    ExitCode.DATA: "the data set is not to be had or does not suit the task",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
}
EXIT_CODES = "\n\n".join(
    ["Exit codes:", *(f"{code.value} {meaning}" for code, meaning in MEANINGS.items())]
)
# Typer does not export its class of all usage errors, only this one derived from it.
UsageError = typer.BadParameter.__base__


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


def main() -> NoReturn:
    """Runs the command line of this process and ends it with one of the `ExitCode`s."""
    os.environ["MPLBACKEND"] = "agg"  # whatever the user draws by: here all goes to files
    with lasting_streams() as files, plain_warnings():
        code = _run()
        sys.stdout.flush()
        lost = next((file.error for file in files if file.error is not None), None)
        if lost is not None and code == ExitCode.DONE:
            message = f"What was printed is lost: {lost.strerror}."
            code = _explain(CommandError(message, ExitCode.FAILED))
    sys.exit(code)


def _run() -> ExitCode:
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        if _debugging():
            print_traceback()
        code = _explain(error)
    except KeyboardInterrupt:
        code = _explain(CommandError("Interrupted.", ExitCode.INTERRUPTED))
    return code or ExitCode.DONE


def _debugging() -> bool:
    return "--debug" in sys.argv


def _explain(error: Exception) -> ExitCode:
    """Says on one line of the error stream what went wrong."""
    if isinstance(error, CommandError):
        message, code = str(error), error.code
    elif isinstance(error, MissingPackageError):
        message, code = str(error), ExitCode.USAGE
    elif isinstance(error, UsageError):
        message, code = error.format_message(), ExitCode.USAGE
    else:
        message, code = f"{type(error).__name__}: {error}", ExitCode.FAILED
    if message:  # there is none where no command was given, and the help was printed instead
        print_error(message)
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


def table_of(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0)
    return table
