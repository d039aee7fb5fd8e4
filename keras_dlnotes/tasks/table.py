"""The table of all tasks."""

import difflib
from typing import Any

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.runs.task import Task
from keras_dlnotes.tasks.autoencoding import AUTOENCODER
from keras_dlnotes.tasks.characters import CHARACTERS
from keras_dlnotes.tasks.deep_networks import DENSENET, RESNET, VGG
from keras_dlnotes.tasks.denoising import DENOISING
from keras_dlnotes.tasks.digits import DIGITS, MNIST
from keras_dlnotes.tasks.latent_space import LATENT_SPACE
from keras_dlnotes.tasks.nuclei import NUCLEI
from keras_dlnotes.tasks.ocr import OCR
from keras_dlnotes.tasks.overcomplete import OVERCOMPLETE
from keras_dlnotes.tasks.pronounce import PRONOUNCE
from keras_dlnotes.tasks.spell import SPELL
from keras_dlnotes.tasks.sunspots import SUNSPOTS
from keras_dlnotes.tasks.vowels import VOWELS

TASKS = {
    task.name: task
    for task in (
        DIGITS,
        MNIST,
        VGG,
        RESNET,
        DENSENET,
        AUTOENCODER,
        OVERCOMPLETE,
        DENOISING,
        LATENT_SPACE,
        NUCLEI,
        VOWELS,
        SUNSPOTS,
        SPELL,
        CHARACTERS,
        OCR,
        PRONOUNCE,
    )
}


def names() -> list[str]:
    """Returns the names of all tasks.

    >>> for name in names():
    ...     print(name)
    digits
    mnist
    mnist-vgg
    mnist-resnet
    mnist-densenet
    mnist-autoencoder
    mnist-overcomplete
    mnist-denoising
    latent-space
    nuclei
    vowels
    sunspots
    spell
    characters
    ocr
    pronounce
    """
    return list(TASKS)


def get(name: str) -> Task:
    """Returns the task of this name.

    Raises:
        ValueError: if there is none; the message suggests the closest name.

    >>> get("digits").data
    'digits'
    """
    return find("name", name)


def find(argument: str, name: Any) -> Task:
    """Returns the task of this name; `argument` is the argument's name for the error."""
    if not isinstance(name, str) or name not in TASKS:
        near = difflib.get_close_matches(str(name), TASKS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        raise argument_error(argument, f"one of {', '.join(map(repr, TASKS))}", name, hint)
    return TASKS[name]
