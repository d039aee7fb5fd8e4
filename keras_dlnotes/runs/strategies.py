"""Distribution strategies: each device takes a part of every batch."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error, choice
from keras_dlnotes.common.graph import layers_of

STRATEGIES = ("none", "mirrored")


def check_strategy(strategy: str | None) -> None:
    """Raises a ValueError if the strategy is unknown or unsupported by the backend.

    >>> check_strategy("mirored")
    Traceback (most recent call last):
    ValueError: Argument `strategy` must be one of 'none', 'mirrored'. Received: strategy='mirored'
    """
    if strategy is None:
        return
    choice("strategy", strategy, STRATEGIES)
    if strategy == "mirrored" and keras.backend.backend() not in ("tensorflow", "jax"):
        raise argument_error("strategy", "'none' on every backend but TensorFlow and JAX", strategy)


def scope(strategy: str) -> AbstractContextManager[Any]:
    """Returns the context for building and training a model on all devices."""
    if strategy == "none":
        return contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel(auto_shard_dataset=False).scope()
    import tensorflow

    return tensorflow.distribute.MirroredStrategy().scope()


def scope_of(model: keras.Model) -> AbstractContextManager[Any]:
    """Returns the context of the strategy under which a model was created, if it is another one."""
    own = getattr(model, "distribute_strategy", None)  # TensorFlow's
    if own is None:
        return contextlib.nullcontext()
    import tensorflow

    return contextlib.nullcontext() if own is tensorflow.distribute.get_strategy() else own.scope()


@contextlib.contextmanager
def synchronized(model: keras.Model, strategy: str) -> Iterator[None]:
    """Makes batch normalization take its statistics over all devices.

    JAX does so anyway: it sees one batch.
    """
    if strategy == "none" or keras.backend.backend() == "jax":
        yield
        return
    found = [layer for layer in layers_of(model) if hasattr(layer, "synchronized")]
    before = [layer.synchronized for layer in found]
    for layer in found:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer, value in zip(found, before, strict=True):
            layer.synchronized = value


def divisor(strategy: str) -> int:
    """Returns the number that every batch size has to be a multiple of.

    TensorFlow splits any batch; JAX gives every device equally many examples.
    """
    if strategy == "none" or keras.backend.backend() != "jax":
        return 1
    return len(keras.distribution.list_devices())


def even(arrays: tuple[Any, ...], divisor: int) -> tuple[Any, ...]:
    """Drops the last examples, so that their number is a multiple of the divisor.

    >>> import numpy as np
    >>> even((np.array([1, 2, 3]), {"a": np.array([3, 2, 1])}), divisor=2)
    (array([1, 2]), {'a': array([3, 2])})
    """
    if divisor == 1:
        return arrays
    count = len(keras.tree.flatten(arrays)[0])
    return keras.tree.map_structure(lambda array: array[: count - count % divisor], arrays)


class EvenBatches(keras.utils.PyDataset):
    """Batches whose sizes are multiples of a divisor: the last one may lose a few examples.

    With shuffled batches, these differ from epoch to epoch.

    Args:
        batches: of arrays, equally large except for the last.
        divisor: of the number of examples.

    Example:

    >>> from keras_dlnotes.runs import ShuffledBatches
    >>> import numpy as np
    >>> batches = EvenBatches(ShuffledBatches((np.arange(7), np.arange(7)), 4, seed=0), 2)
    >>> [len(inputs) for inputs, _ in (batches[0], batches[1])]
    [4, 2]
    """

    def __init__(self, batches: keras.utils.PyDataset, divisor: int):
        super().__init__()
        self._batches = batches
        self._divisor = divisor
        last = batches[len(batches) - 1]
        self._count = len(batches) - (len(keras.tree.flatten(last)[0]) < divisor)

    @property
    def epoch(self) -> int:
        return self._batches.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._batches.epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        def trimmed(array):
            return array[: len(array) - len(array) % self._divisor]

        return keras.tree.map_structure(trimmed, self._batches[index])
