"""Choosing Keras's backend and starting it, which takes seconds and prints warnings."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, BinaryIO

from keras_dlnotes.cli.application import CommandError, ExitCode
from keras_dlnotes.cli.console import console
from keras_dlnotes.common.extras import MissingPackageError, chosen_backend, require


class Backend(StrEnum):
    """The frameworks that Keras runs on."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"
    TORCH = "torch"


def select_backend(backend: Backend) -> None:
    """Selects Keras's backend; restarts this process if Keras already runs on another one.

    Keras reads the environment variable only when it is imported.
    """
    require(backend, backend)
    os.environ["KERAS_BACKEND"] = backend
    if "keras" in sys.modules and sys.modules["keras"].backend.backend() != backend:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def start_tasks() -> Any:
    """Imports the tasks and starts TensorFlow, which the data sets and logs need on any backend."""
    require("tasks", "tensorflow")
    with _starting():
        import tensorflow

        from keras_dlnotes import _registration, tasks  # noqa: F401

        tensorflow.config.list_physical_devices()
    return tasks


def start_keras() -> Any:
    """Imports Keras with every class of the package registered, and starts the framework."""
    with _starting():
        from keras_dlnotes._registration import keras

        keras.ops.zeros(())
    return keras


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Shows that the command starts; if Keras cannot be imported, names its configuration file."""
    try:
        with console.status("Starting …"), _quiet_error_stream(), chosen_backend():
            yield
    except MissingPackageError:
        raise
    except Exception as error:
        if "keras" in sys.modules:
            raise
        path = _settings()
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = f" Is its configuration file {path} correct?" if os.path.exists(path) else ""
        raise CommandError(f"Keras does not start: {reason}.{hint}", ExitCode.FAILED) from error


def _settings() -> str:
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return os.path.join(home, "keras.json")


@contextlib.contextmanager
def _quiet_error_stream() -> Iterator[None]:
    """Discards what TensorFlow's C++ code logs while it starts, unless that fails.

    No environment variable silences it, and it writes to the file descriptor directly.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with _scratch_file() as log:
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


def _scratch_file() -> BinaryIO:
    try:
        return tempfile.TemporaryFile()
    except OSError:  # no folder is writable: discard the log
        return open(os.devnull, "rb+")


def check_names(tasks: Any, task: str, data: str | None, strategy: str | None = None) -> None:
    """Checks the names and Keras's float type before anything starts."""
    import keras

    from keras_dlnotes.data import card
    from keras_dlnotes.tasks.table import find

    if keras.config.floatx() != "float32":
        message = f"The tasks are trained in float32, but floatx is {keras.config.floatx()}"
        raise CommandError(
            f"{message}. Change it in Keras's configuration file {_settings()}.", ExitCode.USAGE
        )
    try:
        find("task", task)
        tasks.check_strategy(strategy)
        if data is not None and not data.startswith("tfds:"):
            card(data)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
