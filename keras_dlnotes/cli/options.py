"""The arguments and options that several commands share."""

import os
from typing import Annotated

import typer

from keras_dlnotes.cli.application import CommandError, ExitCode
from keras_dlnotes.cli.starting import Backend

TaskName = Annotated[str, typer.Argument(help="Name of a task; `dlnotes tasks` lists them.")]
OptionalTaskName = Annotated[
    str | None,
    typer.Argument(help="Name of a task; `dlnotes tasks` lists them.", show_default=False),
]
DataName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|tfds:NAME",
        help="Data set, as listed by `dlnotes data` or from TensorFlow Datasets.",
        show_default="the task's own",
    ),
]
BackendName = Annotated[
    Backend | None,
    typer.Option(help="Keras backend.", show_default="KERAS_BACKEND, or tensorflow"),
]


def check_working_directory() -> None:
    """Raises if the working directory has been removed."""
    try:
        os.getcwd()
    except OSError as error:
        message = "The working directory has been removed. Change to another one."
        raise CommandError(message, ExitCode.FOLDER) from error


def check_exclusive(**options: object) -> None:
    """Raises if more than one of these options is given."""
    given = [f"--{name}" for name, value in options.items() if value not in (None, False)]
    if len(given) > 1:
        raise CommandError(f"{' and '.join(given)} are mutually exclusive.", ExitCode.USAGE)
