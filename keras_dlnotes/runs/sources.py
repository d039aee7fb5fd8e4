"""Sources of batches: what kind they are, how many batches they have, and their random numbers."""

import itertools
import random
import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error


def length_of(source: Any, steps: int | None, name: str = "steps_per_epoch") -> int:
    """Returns the number of batches of an epoch.

    Raises:
        ValueError: if neither the source nor the arguments tell it.
    """
    count = batch_count(source) if steps is None else steps
    if count is None and is_dataset(source) and int(source.cardinality()) == -2:
        count = int(source.reduce(0, lambda number, batch: number + 1))  # unknown
    if count is None:
        raise argument_error(name, "given for data whose end is unknown", None)
    return count


def is_dataset(value: Any) -> bool:
    """Returns whether a value is a `tf.data.Dataset`, without importing TensorFlow."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(value, tensorflow.data.Dataset)


def is_loader(value: Any) -> bool:
    """Returns whether a value is a PyTorch `DataLoader`, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.utils.data.DataLoader)


def batch_count(source: Any) -> int | None:
    """Returns the number of batches of a source; None if it is infinite or unknown.

    >>> batch_count([(0,), (1,)]), batch_count(iter([]))
    (2, None)
    """
    if isinstance(source, keras.utils.PyDataset):
        return source.num_batches
    if is_dataset(source):
        count = int(source.cardinality())
        return count if count >= 0 else None
    try:
        return len(source)
    except (TypeError, NotImplementedError):
        return None


def as_batch(batch: Any) -> Any:
    """Returns a batch of NumPy arrays, in a tuple rather than a list.

    >>> as_batch([np.zeros(2), np.ones(2)])
    (array([0., 0.]), array([1., 1.]))
    """
    found = keras.tree.map_structure(_as_array, batch)
    return tuple(found) if isinstance(found, list) else found


def seed_generators(seed: int, *numbers: int) -> None:
    """Seeds the global random numbers of Python, NumPy and PyTorch."""
    state = int(np.random.SeedSequence((seed, *numbers)).generate_state(1)[0])
    random.seed(state)
    np.random.seed(state)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(state)


def _as_array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value) if hasattr(value, "__array__") else value


def batches_of(source: Any, count: int) -> Iterator[Any]:
    """Yields the first batches of a source."""
    if isinstance(source, keras.utils.PyDataset):
        known = source.num_batches
        return (source[number] for number in range(count if known is None else min(count, known)))
    return itertools.islice(iter(source), count)
