"""The table of all example fits."""

import difflib

from keras_dlnotes.checks import argument_error
from keras_dlnotes.tasks.digits import DIGITS, MNIST
from keras_dlnotes.tasks.task import Task

TASKS = {task.name: task for task in (DIGITS, MNIST)}


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
