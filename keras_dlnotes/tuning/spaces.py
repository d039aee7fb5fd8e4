"""Search spaces: hyperparameters → keyword arguments of a builder, and of the training."""

from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner

from keras_dlnotes.checks import argument_error
from keras_dlnotes.tasks import Task

HyperParameters = keras_tuner.HyperParameters
Space = Callable[[HyperParameters], Mapping[str, Any]]


def digits(hp: HyperParameters) -> dict[str, Any]:
    """The convolutional network of the task `digits`, its augmentation and its training."""
    width = hp.Choice("filters", [16, 32, 64], default=64)
    return {
        "filters": (width, 2 * width),
        "dropout": hp.Float("dropout", 0.0, 0.6, step=0.1, default=0.4),
        "shift": hp.Float("shift", 0.0, 0.2, step=0.05, default=0.1),
        "rotation": hp.Float("rotation", 0.0, 0.1, step=0.025, default=0.05),
        "learning_rate": hp.Float("learning_rate", 2e-4, 5e-3, sampling="log", default=1e-3),
    }


TASK_SPACES: dict[str, Space] = {"digits": digits}


def space_of(task: Task) -> Space:
    """Returns the space of a task."""
    if task.name not in TASK_SPACES:
        expected = f"given for the task {task.name!r}, which has no space of its own"
        raise argument_error("space", expected, None)
    return TASK_SPACES[task.name]
