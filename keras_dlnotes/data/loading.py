"""Loads a data set by name, as a prepared TFDS builder or as NumPy arrays."""

import contextlib
import os
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keras_dlnotes.common.checks import argument_error, path
from keras_dlnotes.common.extras import require
from keras_dlnotes.data.errors import DataUnavailableError

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder


def load(
    name: str, split: str | None = None, data_dir: str | os.PathLike[str] | None = None
) -> "dict[str, Any]":
    """Returns a data set as NumPy arrays, and prepares it first if necessary.

    Nothing is scaled: `card(name).value_range` is the range of the input.
    Examples of unequal size, such as sequences, are padded at their end with zeros.

    Args:
        name: One of `names()`; or "tfds:NAME", for a data set of TensorFlow Datasets, which is
            downloaded where it is not prepared yet.
        split: A split such as "test" or a slice such as "train[:80%]", as TFDS writes them;
            None for all splits.
        data_dir: The folder of prepared data sets; None for TFDS's own, which is the
            environment variable TFDS_DATA_DIR, or else ~/tensorflow_datasets.

    Returns:
        A dict from feature ("image", "label") to an array with one row an example; without
        `split`, a dict from each split to such a dict.

    Raises:
        ValueError: If the name or the split is not known, or `data_dir` is no path.
        DataUnavailableError: If the data set cannot be prepared, with what to do about it.

    >>> test = load("digits", split="test")
    >>> test["image"].shape, test["image"].dtype, test["image"].max()
    ((359, 8, 8, 1), dtype('uint8'), np.uint8(16))
    """
    prepared = builder(name, data_dir)
    if split is not None:
        _check_split(prepared, split)
    wanted = split or {part: part for part in prepared.info.splits}
    import tensorflow_datasets as tfds

    return tfds.as_numpy(prepared.as_dataset(split=wanted, batch_size=-1))


def builder(name: str, data_dir: str | os.PathLike[str] | None = None) -> "DatasetBuilder":
    """Returns the prepared TFDS builder of a data set, for pipelines of `tf.data`.

    Any number of processes may ask at once: one prepares, the others wait for it.

    Args:
        name: As for `load`.
        data_dir: As for `load`.

    Raises:
        ValueError: If the name is not known, or `data_dir` is no path.
        DataUnavailableError: If the data set cannot be prepared, with what to do about it.

    >>> builder("digits").as_dataset(split="train", as_supervised=True).cardinality().numpy()
    np.int64(1222)
    """
    require("tasks", "filelock", "requests", "sklearn", "tensorflow", "tensorflow_datasets")
    if isinstance(name, str) and name.startswith("tfds:"):
        from keras_dlnotes.data import full

        source: Any = full
    else:
        from keras_dlnotes.data import embedded

        source = embedded
    folder = None if data_dir is None else _folder(data_dir)
    found = source.find(name, folder)
    if not _is_prepared(found):
        with _alone(name, found), _random_state_kept():
            found = source.find(name, folder)
            # Another process may have prepared it while this one waited.
            if not _is_prepared(found):
                found = source.prepare(found)
    return found


def _folder(data_dir: str | os.PathLike[str]) -> str:
    path("data_dir", data_dir)
    return os.path.expanduser(data_dir)  # as it is: a `Path` of gs://bucket would lose a slash


def _is_prepared(found: "DatasetBuilder") -> bool:
    # TFDS logs a warning about a folder that does not exist.
    return found.data_path.exists() and found.is_prepared()


@contextlib.contextmanager
def _alone(name: str, found: "DatasetBuilder") -> Iterator[None]:
    """Keeps all other processes out of the data set; a killed one's lock is released."""
    from filelock import FileLock

    root = found.data_dir_root
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{found.name}.lock"):
            yield
    except OSError as error:
        raise DataUnavailableError(
            f"Data set {name!r} cannot be prepared in {root} ({error}): "
            "give another folder as `data_dir`, or in the environment variable TFDS_DATA_DIR."
        ) from error


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """Restores the state of `random`, from which TFDS draws: a seeded run must not depend on it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def _check_split(prepared: "DatasetBuilder", split: Any) -> None:
    known = ", ".join(map(repr, prepared.info.splits))
    expected = f"one of {known}, or a slice such as 'train[:80%]' that holds an example"
    error = argument_error("split", expected, split)
    if not isinstance(split, str) or not split:
        raise error
    try:
        is_empty = prepared.info.splits[split].num_examples <= 0
    except (KeyError, ValueError, AssertionError) as cause:
        raise error from cause
    if is_empty:
        raise error
