"""What `fit` reads: batches of arrays or a user's own source, the same in a resumed process.

Epoch e of a source depends on the seed and on e alone. Its own random numbers, from Python, NumPy
or PyTorch, are seeded at the beginning of each epoch and of each pass over a source that is read in
order.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.runs.sources import (
    as_batch,
    batch_count,
    is_dataset,
    is_loader,
    length_of,
    seed_generators,
)

STEPS = {True: "steps_per_epoch", False: "validation_steps"}


class Feed:
    """What `fit` reads, and what it has to know of each epoch.

    Attributes:
        data: the first argument of `fit`.
        steps: its `steps_per_epoch`, if `data` do not end by themselves.
    """

    data: Any
    steps: int | None = None

    def begin(self, epoch: int) -> None:
        """Prepares an epoch, from 0."""

    def sample(self) -> list[Any]:
        """Returns the first one or two batches, to build a model on."""
        count = self.data.num_batches
        return [self.data[0], self.data[1 if count is None else min(1, count - 1)]]


class ArrayFeed(Feed):
    """Batches that depend on their attribute `epoch`, such as `ShuffledBatches`."""

    def __init__(self, batches: keras.utils.PyDataset, steps: int | None):
        self.data = batches if steps is None else Continued(batches, steps, Passes(batches))

    def begin(self, epoch: int) -> None:
        self.data.epoch = epoch


class Passes:
    """Finds a batch of a pass over batches that have an attribute `epoch`."""

    def __init__(self, batches: Any):
        self._batches = batches

    def __call__(self, turn: int, index: int) -> Any:
        self._batches.epoch = turn
        return self._batches[index]


class Shuffles:
    """Finds a batch of a pass over batches in an order that depends on seed and pass."""

    def __init__(self, batches: Any, seed: int):
        self._batches = batches
        self._seed = seed
        self._turn, self._order = -1, np.arange(0)

    def __call__(self, turn: int, index: int) -> Any:
        if turn != self._turn:
            generator = np.random.default_rng((self._seed, turn))
            self._turn, self._order = turn, generator.permutation(self._batches.num_batches)
        return self._batches[int(self._order[index])]


class Fixed:
    """Finds a batch of a pass over batches that come in their own order."""

    def __init__(self, batches: Any):
        self._batches = batches

    def __call__(self, turn: int, index: int) -> Any:
        return self._batches[index]


class Continued(keras.utils.PyDataset):
    """An epoch of `steps` batches begins where the previous one has ended, pass after pass.

    Attributes:
        epoch: number of the current epoch, from 0.
    """

    def __init__(self, batches: Any, steps: int, find: Callable[[int, int], Any]):
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self._batches = batches
        self._count = batches.num_batches
        self._find = find
        self._steps = steps
        self.epoch = 0

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Any:
        number = self.epoch * self._steps + index
        if self._count is None:  # without end
            return self._batches[number]
        return self._find(*divmod(number, self._count))


class IndexedFeed(Feed):
    """A `keras.utils.PyDataset` of the user's, in an order of ours, with its hooks replayed."""

    def __init__(
        self, source: keras.utils.PyDataset, seed: int, steps: int | None, shuffles: bool = True
    ):
        self._source = source
        self._seed = seed
        self._begun, self._is_open = 0, False
        self._continues = shuffles
        find = Shuffles(source, seed) if shuffles else Fixed(source)
        self.data = Hooked(source, length_of(source, steps, STEPS[shuffles]), find, self._end)

    def begin(self, epoch: int) -> None:
        for number in range(self._begun, epoch):  # of earlier processes
            self._begin(number)
            self._end()
        self._begin(epoch)

    def _begin(self, epoch: int) -> None:
        self._begun, self._is_open = epoch + 1, True
        self.data.epoch = epoch if self._continues else 0
        seed_generators(self._seed, epoch)
        self._source.on_epoch_begin()

    def _end(self) -> None:
        if self._is_open:  # Keras also calls it before an epoch
            self._is_open = False
            seed_generators(self._seed, self._begun, 1)
            self._source.on_epoch_end()


class Hooked(Continued):
    """Calls a function at the end of each epoch."""

    def __init__(self, *arguments: Any):
        *others, self._end = arguments
        super().__init__(*others)

    def on_epoch_end(self) -> None:
        self._end()


class StreamFeed(Feed):
    """A source that is read in order: a PyTorch `DataLoader`, or anything that can be iterated."""

    def __init__(self, source: Any, seed: int, steps: int | None, continues: bool = True):
        self._source = source
        self._seed = seed
        self._continues = continues and steps is not None
        self._sample: list[Any] | None = None
        self._turn, self._read = -1, 0
        self._batches: Iterator[Any] = iter(())
        self._has_begun = False
        self.data = Read(length_of(source, steps, STEPS[continues]), self._get)

    def begin(self, epoch: int) -> None:
        self.sample()
        self._has_begun = True
        if not self._continues:
            if not is_loader(self._source):  # whose iterators may start processes
                for turn in range(self._turn + 1, epoch):  # each may change the source
                    seed_generators(self._seed, turn)
                    iter(self._source)
            self._turn, self._batches = epoch - 1, iter(())
        while self._continues and self._read < epoch * len(self.data):
            self._next()
        seed_generators(self._seed, epoch, 1)

    def sample(self) -> list[Any]:
        if self._sample is None:
            seed_generators(self._seed)
            found = [as_batch(batch) for batch in itertools.islice(self._source, 2)]
            if not found:
                raise argument_error("training", "made of at least one batch", 0)
            self._sample = [found[0], found[-1]]
        return self._sample

    def _get(self, index: int) -> Any:
        return self._next() if self._has_begun else self.sample()[min(index, 1)]

    def _next(self) -> Any:
        self._read += 1
        for batch in self._batches:
            return as_batch(batch)
        self._turn += 1
        seed_generators(self._seed, self._turn)
        self._batches = iter(self._source)
        return as_batch(next(self._batches))


class Read(keras.utils.PyDataset):
    """As many batches as an epoch has, read in order."""

    def __init__(self, steps: int, get: Callable[[int], Any]):
        super().__init__()
        self._steps = steps
        self._get = get

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Any:
        return self._get(index)


class DatasetFeed(Feed):
    """A `tf.data.Dataset` on TensorFlow, which reads it in its own graph.

    It is read by a single iterator, or by one for each validation.
    """

    def __init__(self, source: Any, steps: int | None, first_epoch: int, continues: bool):
        self._source = source
        self.steps = length_of(source, steps, STEPS[continues])
        self.data = source.repeat() if continues else repeated(source)
        if steps is not None and continues:
            self.data = self.data.skip(first_epoch * steps)
        else:
            for _ in range(first_epoch):  # each pass advances its seeds
                iter(source)

    def sample(self) -> list[Any]:
        found = list(self._source.take(2).as_numpy_iterator())
        if not found:
            raise argument_error("training", "made of at least one batch", 0)
        return [as_batch(found[0]), as_batch(found[-1])]


def repeated(dataset: Any) -> Any:
    """Returns the passes over a dataset, none of which is begun before it is asked for.

    TensorFlow reads ahead of the last operation of a pipeline, and a pass that it begins advances
    the seeds of the dataset.
    """
    import tensorflow

    options = tensorflow.data.Options()
    options.experimental_optimization.inject_prefetch = False
    return dataset.prefetch(tensorflow.data.AUTOTUNE).repeat().with_options(options)


def source_feed(source: Any, seed: int, steps: int | None, first_epoch: int) -> Feed:
    """Returns the feed for a source of batches that begins at an epoch."""
    if isinstance(source, keras.utils.PyDataset):
        return IndexedFeed(source, seed, steps)
    if is_dataset(source) and keras.backend.backend() == "tensorflow":
        return DatasetFeed(source, steps, first_epoch, continues=True)
    return StreamFeed(source, seed, steps)


def validation_feed(source: Any, seed: int, steps: int | None, first_epoch: int) -> Feed:
    """Returns the feed for a source of validation data, which is read from its start each time."""
    count = batch_count(source)
    wanted = steps if None in (count, steps) else min(count, steps)  # type: ignore[type-var]
    if is_dataset(source) and keras.backend.backend() == "tensorflow":
        return DatasetFeed(source, wanted, first_epoch, continues=False)
    feed: Feed
    if isinstance(source, keras.utils.PyDataset):
        feed = IndexedFeed(source, seed, wanted if count is None else None, shuffles=False)
    else:
        feed = StreamFeed(source, seed, wanted if count is None else None, continues=False)
    feed.steps = wanted
    return feed
