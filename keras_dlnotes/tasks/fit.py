"""`runs.fit` that also takes the name of a task in the table."""

import functools

from keras_dlnotes import runs
from keras_dlnotes.tasks.table import find


@functools.wraps(runs.fit)
def fit(task: str | runs.Task, *arguments, **settings) -> runs.FitResult:
    task = task if isinstance(task, runs.Task) else find("task", task)
    return runs.fit(task, *arguments, **settings)
