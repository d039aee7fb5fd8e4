"""Batches that depend only on seed and epoch: shuffled, or consecutive in time."""

import math
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.training.arguments import rows
from keras_dlnotes.training.arrays import as_fed


class ShuffledBatches(keras.utils.PyDataset):
    """Batches of arrays, reshuffled in each epoch by seed and epoch only.

    A resumed run therefore gets the same batches as an uninterrupted one.

    Args:
        arrays: (inputs, targets) or (inputs, targets, sample weights); each an array with one
            example in each row, or a list or dict of such arrays: NumPy arrays, memory-mapped
            files, tensors of any framework, pandas tables, whose rows go by position. As in Keras,
            batches have floating-point numbers as `floatx`, and tuples in place of lists.
        batch_size: batch size, ≥ 1; the last batch of an epoch may be smaller.
        seed: random seed, int ≥ 0.

    Raises:
        ValueError: for an argument out of range, or arrays that do not fit together.

    Attributes:
        epoch: number of the current epoch, from 0. Set it when an epoch begins.

    Example:

    >>> batches = ShuffledBatches((np.arange(6), np.arange(6)), batch_size=4, seed=0)
    >>> [len(targets) for inputs, targets in (batches[0], batches[1])]
    [4, 2]
    """

    def __init__(self, arrays: tuple[Any, ...], batch_size: int, seed: int):
        super().__init__()
        # tf.data takes a list for one tensor
        self.arrays = keras.tree.lists_to_tuples(rows("arrays", arrays))
        self.example_count = len(keras.tree.flatten(self.arrays)[0])
        self.batch_size = integer("batch_size", batch_size, minimum=1)
        self.seed = integer("seed", seed)
        self.epoch = 0

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = integer("epoch", epoch)
        self._order = self._ordered(np.random.default_rng((self.seed, epoch)))

    def _ordered(self, generator: np.random.Generator) -> np.ndarray:
        return generator.permutation(self.example_count)

    def __len__(self) -> int:
        return math.ceil(self.example_count / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if not 0 <= index < len(self):
            raise IndexError(f"Batch {index} is out of range for {len(self)} batches.")
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        return keras.tree.map_structure(lambda array: as_fed("arrays", array[chosen]), self.arrays)


class ConsecutiveBatches(ShuffledBatches):
    """Batches of a stream: each row of a batch continues the same row of the previous one.

    The examples, consecutive in time, are cut into `batch_size` equal parts, and batch t has the
    t-th example of each part. The stream is treated as circular, with a starting point that depends
    on seed and epoch only; up to `batch_size` − 1 examples before it are left out.

    Args:
        arrays: as for `ShuffledBatches`, with at least `batch_size` examples.
        batch_size: number of rows, and of parts, ≥ 1.
        seed: random seed, int ≥ 0.

    Raises:
        ValueError: for an argument out of range, or fewer examples than rows.

    Example:

    >>> batches = ConsecutiveBatches((np.arange(7), np.arange(7)), batch_size=2, seed=0)
    >>> [targets.tolist() for inputs, targets in (batches[0], batches[1], batches[2])]
    [[5, 1], [6, 2], [0, 3]]
    """

    def __init__(self, arrays: tuple[Any, ...], batch_size: int, seed: int):
        super().__init__(arrays, batch_size, seed)
        if self.example_count < self.batch_size:
            expected = f"at least {self.batch_size} examples, one for each row"
            raise argument_error("arrays", expected, self.example_count)

    def _ordered(self, generator: np.random.Generator) -> np.ndarray:
        start = generator.integers(self.example_count)
        stream = np.roll(np.arange(self.example_count), -start)
        return stream[: len(self) * self.batch_size].reshape(self.batch_size, -1).T.ravel()

    def __len__(self) -> int:
        return self.example_count // self.batch_size
