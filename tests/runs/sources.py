"""Every kind of source that `fit` reads, made anew by a function, with the number of its epochs."""

import random

import keras
import numpy as np


def examples(count=40, seed=1):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, size=count)
    return generator.normal(size=(count, 4)).astype("float32") + labels[:, None], labels


def of_arrays(inputs, targets):
    return inputs, targets


class Batches(keras.utils.PyDataset):
    """Jitters its inputs, and reorders its examples when an epoch begins or ends."""

    def __init__(self, inputs, targets):
        super().__init__()
        self.inputs, self.targets = inputs.copy(), targets.copy()
        self.begun = 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        part = slice(8 * index, 8 * index + 8)
        return self.inputs[part] * (1 + 0.1 * self.begun), self.targets[part]

    def on_epoch_begin(self):
        self.begun = (self.begun + random.randint(1, 3)) % 7

    def on_epoch_end(self):
        order = np.random.permutation(len(self.inputs))
        self.inputs, self.targets = self.inputs[order], self.targets[order]


class Endless(Batches):
    num_batches = None

    def __getitem__(self, index):
        return super().__getitem__(index % 5)


def of_dataset(inputs, targets):
    import tensorflow as tf

    whole = tf.data.Dataset.from_tensor_slices((inputs, targets))
    return whole.shuffle(40, seed=3).batch(8)


def of_filtered(inputs, targets):
    return of_dataset(inputs, targets).filter(lambda batch, labels: True)


def of_loader(inputs, targets):
    import torch

    pairs = list(zip(torch.from_numpy(inputs), torch.from_numpy(targets), strict=True))
    return torch.utils.data.DataLoader(pairs, batch_size=8, shuffle=True)


class Listed:
    """Anything that can be iterated over again."""

    def __init__(self, inputs, targets):
        self.batches = [
            [inputs[start : start + 8], targets[start : start + 8]] for start in (0, 8, 16)
        ]

    def __iter__(self):
        random.shuffle(self.batches)
        return iter(self.batches)

    def __len__(self):
        return 3


KINDS = {
    "arrays": (of_arrays, None),
    "arrays in steps": (of_arrays, 2),
    "arrays in many steps": (of_arrays, 7),
    "batches": (Batches, None),
    "batches in steps": (Batches, 3),
    "batches without end": (Endless, 4),
    "dataset": (of_dataset, None),
    "dataset in steps": (of_dataset, 3),
    "dataset of unknown length": (of_filtered, None),
    "loader": (of_loader, None),
    "loader in steps": (of_loader, 3),
    "iterable": (Listed, None),
    "iterable in steps": (Listed, 2),
}
