"""Log files of the epochs, whose write errors name the file."""

import csv
import errno
import functools
import io
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from keras_dlnotes.common.files import write_text

NAMES = ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "ENOENT", "ENOTDIR")
CODES = [getattr(errno, name) for name in NAMES if hasattr(errno, name)]


class HistoryFile(keras.callbacks.Callback):
    """Writes the epochs as `keras.callbacks.CSVLogger` does, but atomically.

    Args:
        path: of the file.
        history: the logs of earlier epochs.
    """

    def __init__(self, path: Path, history: list[dict[str, float]]):
        super().__init__()
        self._path = path
        self._history = list(history)

    def on_train_begin(self, logs=None):
        if self._history:
            self._write()
        else:
            self._path.unlink(missing_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        self._history.append(dict(logs or {}))
        self._write()

    def _write(self) -> None:
        content = io.StringIO(newline="")
        columns = ["epoch", *sorted(self._history[0])]
        table = csv.DictWriter(content, columns, restval="NA", extrasaction="ignore")
        table.writeheader()
        table.writerows({**row, "epoch": epoch} for epoch, row in enumerate(self._history))
        write_text(self._path, content.getvalue())


def writes_tensorboard() -> bool:
    """Tells whether this environment can write TensorBoard's logs: Keras does so by TensorFlow."""
    return all(find_spec(package) for package in ("tensorboard", "tensorflow"))


class TensorBoardLogs(keras.callbacks.TensorBoard):
    """`keras.callbacks.TensorBoard` that raises an OSError if its files can't be written.

    TensorFlow's own error has the same type as that of exhausted memory.
    """


def _with_os_errors(hook: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(hook)
    def call(self, *arguments: Any, **options: Any) -> Any:
        import tensorflow

        try:
            return hook(self, *arguments, **options)
        except tensorflow.errors.OpError as error:
            code = next((code for code in CODES if os.strerror(code) in str(error)), errno.EIO)
            raise OSError(code, os.strerror(code), self.log_dir) from error

    return call


for _name, _hook in vars(keras.callbacks.TensorBoard).items():
    if _name == "set_model" or _name.startswith("on_"):
        setattr(TensorBoardLogs, _name, _with_os_errors(_hook))
