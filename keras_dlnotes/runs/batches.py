"""Batches that depend on the seed and the epoch alone: shuffled, or following in time."""

import math
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.training.arguments import rows
from keras_dlnotes.training.arrays import as_fed


class ShuffledBatches(keras.utils.PyDataset):
    """Batches of arrays, shuffled anew each epoch by nothing but the seed and the epoch.

    So a run that goes on after an interruption sees the very batches that it would have seen.

    Args:
        arrays: (inputs, targets) or (inputs, targets, sample weights); each an array with an
            example a row, or a list or dict of such arrays: NumPy's, memory-mapped files, tensors
            of any framework, tables of pandas, whose rows go by position. As Keras does, batches
            have floating-point numbers as `floatx`, and tuples for lists.
        batch_size: examples a batch, ≥ 1; the last batch of an epoch may be smaller.
        seed: int ≥ 0.

    Raises:
        ValueError: for an argument out of range, or arrays that do not fit.

    Attributes:
        epoch: number of the epoch, from 0, whose batches are handed out. Set it when an epoch
            begins.

    Example:

    >>> batches = ShuffledBatches((np.arange(6), np.arange(6)), batch_size=4, seed=0)
    >>> [len(targets) for inputs, targets in (batches[0], batches[1])]
    [4, 2]
    """

    def __init__(self, arrays: tuple[Any, ...], batch_size: int, seed: int):
        super().__init__()
        # TensorFlow's pipelines take a list for one tensor
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
            raise IndexError(f"Batch {index} is none of the {len(self)} batches of an epoch.")
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        return keras.tree.map_structure(lambda array: as_fed("arrays", array[chosen]), self.arrays)


class ConsecutiveBatches(ShuffledBatches):
    """Batches of a stream: each row of a batch goes on where that row of the last one ended.

    The examples, which follow each other in time, are cut into `batch_size` equal parts, and batch
    t has the t-th example of each part. The stream is read as a circle that each epoch enters
    elsewhere, by nothing but the seed and the epoch; up to `batch_size` − 1 examples before the
    entry are left out.

    Args:
        arrays: as for `ShuffledBatches`, with at least `batch_size` examples.
        batch_size: number of rows, and of parts, ≥ 1.
        seed: int ≥ 0.

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
            expected = f"at least {self.batch_size} examples, one a row"
            raise argument_error("arrays", expected, self.example_count)

    def _ordered(self, generator: np.random.Generator) -> np.ndarray:
        entry = generator.integers(self.example_count)
        stream = np.roll(np.arange(self.example_count), -entry)
        return stream[: len(self) * self.batch_size].reshape(self.batch_size, -1).T.ravel()

    def __len__(self) -> int:
        return self.example_count // self.batch_size
