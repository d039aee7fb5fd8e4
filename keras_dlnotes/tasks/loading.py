"""Data sets of the kind that a task works on."""

from typing import Any

from keras_dlnotes import data
from keras_dlnotes.checks import argument_error
from keras_dlnotes.tasks.task import Task, UnsuitableDataError

SPLITS = ("train", "validation", "test")


def check_data(task: Task, name: str | None) -> None:
    """Raises where a task is given another data set that `data.load` does not know."""
    if name is None or (isinstance(name, str) and name == task.data):
        return
    known = data.names()
    if not isinstance(name, str) or not (name in known or name.startswith("tfds:")):
        expected = f"one of {', '.join(map(repr, known))}, or 'tfds:NAME'"
        raise argument_error("data", expected, name)


def load_splits(name: str, columns: set[str], kind: str) -> dict[str, Any]:
    """Loads a data set that has these columns in each of the three splits.

    Raises:
        UnsuitableDataError: where it lacks one; the message says that it isn't of the `kind`.
    """
    loaded = data.load(name)
    if any(not columns <= loaded.get(split, {}).keys() for split in SPLITS):
        raise UnsuitableDataError(f"Data set {name!r} isn't {kind}.")
    return loaded
