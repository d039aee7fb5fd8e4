"""The table of all example fits."""

import difflib
from dataclasses import replace

from keras_dlnotes.checks import argument_error
from keras_dlnotes.tasks import image_classification
from keras_dlnotes.tasks.task import Task

_DIGITS = Task(
    name="digits",
    description="A small convolutional network reads handwritten digits of 8×8 pixels",
    section="The CNN",
    data="digits",
    prepare=image_classification.prepare,
    build=image_classification.build_convnet,
    arguments={"filters": (64, 128), "dropout": 0.4, "shift": 0.1, "rotation": 0.05},
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    halving_epochs=20,
    epochs=80,
    batch_size=32,
    patience=15,
    headline="test_accuracy",
    baseline=image_classification.logistic_regression,
    pictures=image_classification.pictures,
)

_MNIST = replace(
    _DIGITS,
    name="mnist",
    description="The same network reads MNIST's digits of 28×28 pixels",
    data="mnist_subset",
    arguments=_DIGITS.arguments | {"filters": (32, 64, 128)},
    epochs=30,
    patience=8,
)

TASKS = {task.name: task for task in (_DIGITS, _MNIST)}


def names() -> list[str]:
    """Returns the names of all tasks.

    >>> names()
    ['digits', 'mnist']
    """
    return list(TASKS)


def get(name: str) -> Task:
    """Returns the task of this name.

    Raises:
        ValueError: where there is none; the message suggests the nearest.

    >>> get("digits").data
    'digits'
    """
    if name not in TASKS:
        near = difflib.get_close_matches(str(name), TASKS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        raise argument_error("task", f"one of {', '.join(map(repr, TASKS))}", name, hint)
    return TASKS[name]
