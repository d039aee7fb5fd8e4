"""The user's callbacks: each execution of a trial gets a copy, which writes to files of its own."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import keras

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.training.arguments import callback_list

PATHS = {  # callback → the attribute with its path
    keras.callbacks.ModelCheckpoint: "filepath",
    keras.callbacks.TensorBoard: "log_dir",
    keras.callbacks.CSVLogger: "filename",
}


def pickled_callbacks(value: Any) -> bytes | None:
    """Returns callbacks as they are moved to the process of a trial; None if there are none.

    Raises:
        ValueError: for anything but a list of callbacks that can be moved.
    """
    callbacks = callback_list(value)
    if any(isinstance(entry, keras.callbacks.BackupAndRestore) for entry in callbacks):
        expected = "without BackupAndRestore, since a search resumes its trials itself"
        raise argument_error("callbacks", expected, callbacks)
    if not callbacks:
        return None
    try:
        return cloudpickle.dumps(callbacks)
    except Exception as error:  # whatever their attributes raise
        expected = "callbacks that can be copied for each trial"
        raise argument_error("callbacks", expected, callbacks, str(error)) from error


def copied_callbacks(
    content: bytes | None, execution: Path, resumes: bool = False
) -> list[keras.callbacks.Callback]:
    """Returns copies whose files do not collide with those of other executions.

    As in KerasTuner, `TensorBoard("logs")` writes to `logs/TRIAL/execution0`; and so do
    `ModelCheckpoint` and `CSVLogger`, in the folder of the path that they are given.

    Args:
        content: from `pickled_callbacks`.
        execution: the folder of the execution, such as `trial_3/execution_0`.
        resumes: whether a table is continued.
    """
    own = Path(
        execution.parent.name.removeprefix("trial_"),
        execution.name.replace("execution_", "execution"),
    )

    def place(number: int, entry: Any, path: Path) -> Path:
        is_folder = isinstance(entry, keras.callbacks.TensorBoard)
        return path / own if is_folder else path.parent / own / path.name

    callbacks = _placed(content, place)
    for entry in callbacks:
        if isinstance(entry, keras.callbacks.CSVLogger):
            entry.append = entry.append or resumes
    return callbacks


def scratch_callbacks(content: bytes | None, folder: Path) -> list[keras.callbacks.Callback]:
    """Returns copies for a dry run, whose files disappear with its folder."""
    return _placed(content, lambda number, _, path: folder / "callbacks" / str(number) / path.name)


def _placed(
    content: bytes | None, place: Callable[[int, Any, Path], Path]
) -> list[keras.callbacks.Callback]:
    """Returns copies whose paths are those that `place` finds for (number, callback, path)."""
    callbacks = [] if content is None else pickle.loads(content)
    for number, entry in enumerate(callbacks):
        for kind, name in PATHS.items():
            if isinstance(entry, kind):
                path = place(number, entry, Path(getattr(entry, name)))
                path.parent.mkdir(parents=True, exist_ok=True)
                setattr(entry, name, str(path))
    return callbacks
