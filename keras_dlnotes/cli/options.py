"""The arguments and options that more than one command takes."""

import os
from typing import Annotated

import typer

from keras_dlnotes.cli.application import CommandError, ExitCode
from keras_dlnotes.cli.starting import Backend

TaskName = Annotated[str, typer.Argument(help="Name of a task; `dlnotes tasks` lists them.")]
DataName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|tfds:NAME",
        help="Another data set: one that `dlnotes data` lists, or one of TensorFlow Datasets.",
        show_default="the task's own",
    ),
]
BackendName = Annotated[
    Backend | None,
    typer.Option(help="Framework to run on.", show_default="KERAS_BACKEND, or tensorflow"),
]


def check_working_directory() -> None:
    """Refuses to work in a folder that somebody has removed."""
    try:
        os.getcwd()
    except OSError as error:
        message = "The working directory is gone: change to another one."
        raise CommandError(message, ExitCode.FOLDER) from error


def check_exclusive(**options: object) -> None:
    """Refuses options that were given together where each makes no sense with the others."""
    given = [f"--{name}" for name, value in options.items() if value not in (None, False)]
    if len(given) > 1:
        raise CommandError(f"{' and '.join(given)} exclude each other.", ExitCode.USAGE)
