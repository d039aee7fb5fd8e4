"""The data of a search: checked in the user's process, opened in that of each trial.

Arrays are written to files once and mapped into the memory of each trial. A `tf.data.Dataset`
travels as its graph, any other source as a pickle, and what can do neither has to be made by a
function in the trial's process.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import cloudpickle
import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error, fraction
from keras_dlnotes.runs.resumable import rows_or_source
from keras_dlnotes.runs.sources import as_batch, batch_count, batches_of, is_dataset, is_loader
from keras_dlnotes.runs.task import Splits
from keras_dlnotes.training.arguments import rows
from keras_dlnotes.training.sources import is_rereadable
from keras_dlnotes.tuning.fingerprints import Fingerprint, fingerprint

MADE_BY = "Give a function that makes them, which is called in the process of each trial"
FAIL = 2  # TensorFlow's policy for what a graph does not contain: generators, Python functions


@dataclass(frozen=True)
class Graph:
    """A `tf.data.Dataset` as its graph."""

    content: bytes
    element_spec: Any

    def open(self) -> Any:
        import tensorflow

        variant = tensorflow.raw_ops.DatasetFromGraph(graph_def=self.content)
        return tensorflow.data.experimental.from_variant(variant, self.element_spec)


@dataclass(frozen=True)
class Pickled:
    """A source as a pickle."""

    content: bytes

    def open(self) -> Any:
        return pickle.loads(self.content)


@dataclass(frozen=True)
class Made:
    """A function that makes arrays or a source; one that is a generator is called for each pass."""

    name: str
    function: Callable[[], Any]

    def open(self) -> Any:
        found = self.function()
        found = Again(self.function) if hasattr(found, "__next__") else found
        return rows_or_source(self.name, found)


@dataclass(frozen=True)
class Again:
    """The batches of a function that returns an iterator."""

    function: Callable[[], Any]

    def __iter__(self) -> Any:
        return iter(self.function())


def movable(name: str, value: Any) -> Any:
    """Returns an argument in a form that can be moved to the process of a trial.

    Raises:
        ValueError: for what is no data, or can't be moved.
    """
    if is_dataset(value):
        return _graph(name, value)
    if hasattr(value, "__next__"):
        expected = "data that can be read again"
        raise argument_error(name, expected, type(value).__name__, MADE_BY)
    if is_rereadable(value) and not isinstance(value, type | set | frozenset):
        try:
            return Pickled(cloudpickle.dumps(value))
        except Exception as error:  # whatever its parts raise
            raise _immovable(name, value, error) from error
    if callable(value) and not hasattr(value, "__array__"):
        return Made(name, value)
    if not isinstance(value, tuple | list) or not 2 <= len(value) <= 3:
        expected = "a tuple (inputs, targets), a source of batches, or a function that makes one"
        raise argument_error(name, expected, type(value).__name__)
    return rows(name, value)


def opened(splits: Splits, validation_split: float | None = None) -> Splits:
    """Returns the splits with arrays or sources, made anew for each execution of a trial."""
    training, validation = (
        part.open() if hasattr(part, "open") else part
        for part in (splits.training, splits.validation)
    )
    if validation_split is not None:
        training, validation = divided(training, validation_split)
    return replace(splits, training=training, validation=validation, test=validation)


def divided(arrays: Any, share: float) -> tuple[Any, Any]:
    """Returns the first examples, and the last ones as validation data, as Keras divides them.

    >>> divided((np.arange(5), np.arange(5)), 0.4)
    ((array([0, 1, 2]), array([0, 1, 2])), (array([3, 4]), array([3, 4])))
    """
    fraction("validation_split", share)
    if not isinstance(arrays, tuple):
        raise argument_error("validation_split", "None for data other than arrays", share)
    count = len(keras.tree.flatten(arrays)[0])
    border = int(count * (1 - share))
    if border in (0, count):
        expected = f"a share that leaves examples of {count} on both sides"
        raise argument_error("validation_split", expected, share)
    return tuple(
        keras.tree.map_structure(lambda array, part=part: array[part], arrays)
        for part in (slice(border), slice(border, None))
    )


def few(data: Any, batch_size: int) -> Any:
    """Returns the first examples of data of any kind, for a dry run.

    Of arrays, a full batch and one as small as the last one of an epoch; of a source, two batches.
    """
    if data is None or (isinstance(data, tuple) and not data):
        return data
    if isinstance(data, tuple):
        count = batch_size + len(keras.tree.flatten(data)[0]) % batch_size
        return keras.tree.map_structure(lambda array: array[:count], data)
    if is_dataset(data):
        return data.take(2)
    if isinstance(data, keras.utils.PyDataset):
        count = batch_count(data) or 2
        return Few([data[0], data[min(1, count - 1)]])
    batches = list(batches_of(data, 2))
    if is_loader(data):
        import torch

        return torch.utils.data.DataLoader(batches, batch_size=None)
    return Few([as_batch(batch) for batch in batches])


class Few(keras.utils.PyDataset):
    """A few batches."""

    def __init__(self, batches: list[Any]):
        super().__init__()
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._batches[index]


def fingerprint_of(data: Any, with_content: bool = True) -> Fingerprint:
    """Returns the fingerprint of arrays; for a source, that of the form of its batches."""
    if data is None:
        return []
    if isinstance(data, tuple):
        return fingerprint(data, with_content)
    first = next(islice(batches_of(data, 1), 1), ())
    first = keras.tree.map_structure(
        lambda part: part if isinstance(part, np.ndarray) else None, as_batch(first)
    )
    found = fingerprint(first if isinstance(first, tuple) else (first,), with_content=False)
    for entry in found:
        entry["shape"] = entry["shape"][1:]
    count = batch_count(data)
    kind = type(data).__name__.removeprefix("_")
    kind = "Dataset" if is_dataset(data) else kind
    return [{"part": "batches", "shape": [] if count is None else [count], "dtype": kind}, *found]


def _graph(name: str, dataset: Any) -> Graph:
    import tensorflow

    try:
        graph = tensorflow.raw_ops.DatasetToGraphV2(
            input_dataset=tensorflow.data.experimental.to_variant(dataset),
            external_state_policy=FAIL,
            strip_device_assignment=True,
        )
    except Exception as error:  # TensorFlow's own
        raise _immovable(name, dataset, error) from error
    return Graph(graph.numpy(), dataset.element_spec)


def _immovable(name: str, value: Any, error: Exception) -> ValueError:
    reason = str(error).strip().splitlines()
    hint = f"{MADE_BY}. {reason[0] if reason else type(error).__name__}"
    expected = "data that can be moved to the process of a trial"
    return argument_error(name, expected, type(value).__name__, hint)
