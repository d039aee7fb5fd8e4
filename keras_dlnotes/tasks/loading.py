"""Loads the data of tasks."""

from typing import Any

from keras_dlnotes import data
from keras_dlnotes.runs import UnsuitableDataError

SPLITS = ("train", "validation", "test")


def load_splits(name: str, columns: set[str], kind: str) -> dict[str, Any]:
    """Loads a data set with these columns in each of the three splits.

    Raises:
        UnsuitableDataError: if one is missing; the message says that the data set isn't `kind`.
    """
    loaded = data.load(name)
    if any(not columns <= loaded.get(split, {}).keys() for split in SPLITS):
        raise UnsuitableDataError(f"Data set {name!r} isn't {kind}.")
    return loaded
