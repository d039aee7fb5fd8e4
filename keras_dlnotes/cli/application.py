"""What all commands share: the application, its exit codes, and how errors are reported."""

import os
import sys
from enum import IntEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table

from keras_dlnotes._version import __version__
from keras_dlnotes.cli.console import console, plain_warnings, print_error, print_traceback
from keras_dlnotes.cli.streams import robust_streams
from keras_dlnotes.common.extras import MissingPackageError


class ExitCode(IntEnum):
    """The exit codes of `dlnotes`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    FOLDER = 3
    DATA = 4
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done, or already done before",
    ExitCode.FAILED: "run failed",
    ExitCode.USAGE: "unknown task, data set, model or option; package not installed",
    ExitCode.FOLDER: "run folder occupied, in use, not writable, corrupt or with other settings; "
    "disk full; page not writable; working directory removed",
    ExitCode.DATA: "data set unavailable or unsuitable for the task",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
}
EXIT_CODES = "\n\n".join(
    ["Exit codes:", *(f"{code.value} {meaning}" for code, meaning in MEANINGS.items())]
)
# Typer does not export its class of all usage errors, only this one derived from it.
UsageError: Any = typer.BadParameter.__base__


class CommandError(Exception):
    """An error that ends the command, with a one-line message and an exit code."""

    def __init__(self, message: str, code: ExitCode):
        super().__init__(message)
        self.code = code


app = typer.Typer(
    help="Trains the networks of a deep-learning course's lecture notes on real data.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Runs the command line of this process, which exits with an `ExitCode`."""
    os.environ["MPLBACKEND"] = "agg"  # all figures go to files, whatever the user's own setting is
    with robust_streams() as files, plain_warnings():
        code = _run()
        sys.stdout.flush()
        lost = next((file.error for file in files if file.error is not None), None)
        if lost is not None and code == ExitCode.DONE:
            message = f"The output is lost: {lost.strerror}."
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
    """Prints the error as one line of the error stream; returns its exit code."""
    if isinstance(error, CommandError):
        message, code = str(error), error.code
    elif isinstance(error, MissingPackageError):
        message, code = str(error), ExitCode.USAGE
    elif isinstance(error, UsageError):
        message, code = error.format_message(), ExitCode.USAGE
    else:
        message, code = f"{type(error).__name__}: {error}", ExitCode.FAILED
    if message:  # empty if no command was given and the help was printed
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
