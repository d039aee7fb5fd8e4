"""Every task in a short form: few examples, a small network."""

from dataclasses import replace

import keras
import pytest

from keras_dlnotes import tasks
from tests.backends import carries_states

EXAMPLES = 64
MARKS = {"characters": (carries_states,)}
# A smaller network by the name of the task, where its own is too slow for a test.
SMALLER = {
    "digits": {"filters": (4, 8)},
    "mnist": {"filters": (4, 8)},
    "mnist-vgg": {"filters": (4, 8), "blocks": (1, 1)},
    "mnist-resnet": {"filters": (4,), "blocks": (1,)},
    "mnist-densenet": {"blocks": (1, 1), "growth_rate": 4},
    "mnist-autoencoder": {"filters": (4,)},
    "mnist-overcomplete": {"hidden": (), "latent_dim": 32},
    "mnist-denoising": {"filters": (4,)},
    "latent-space": {"filters": (4,)},
    "nuclei": {"filters": 2, "depth": 1},
    "vowels": {"units": 4},
    "sunspots": {"units": 4},
    "spell": {"units": 8, "filters": (4,)},
    "characters": {"units": 4},
    "ocr": {"units": 4, "embedding_dim": 4},
    "pronounce": {"units": 4, "embedding_dim": 4},
}


def every_task(quick):
    """The names of all tasks as parameters; those outside `quick` take long."""
    for name in tasks.names():
        marks = MARKS.get(name, ()) + (() if name in quick else (pytest.mark.slow,))
        yield pytest.param(name, marks=marks)


def shorter(arrays):
    return keras.tree.map_structure(lambda array: array[:EXAMPLES], arrays)


def on_few_examples(splits):
    """The splits, and those in their context, cut to a few examples each."""
    return replace(
        splits,
        training=shorter(splits.training),
        validation=shorter(splits.validation),
        test=shorter(splits.test),
        context={
            name: on_few_examples(value) if isinstance(value, tasks.Splits) else value
            for name, value in splits.context.items()
        },
    )


def in_short(task):
    """The task on a few examples, its network and those of its variants made smaller."""

    def prepare(name):
        return on_few_examples(task.prepare(name))

    smaller = SMALLER.get(task.name, {})
    variants = {name: {**arguments, **smaller} for name, arguments in task.variants.items()}
    return replace(
        task, prepare=prepare, arguments={**task.arguments, **smaller}, variants=variants
    )
