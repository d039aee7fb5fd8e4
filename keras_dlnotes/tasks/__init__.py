"""The example fits: each a task, made of data, a model, a loss, a score and pictures."""

from keras_dlnotes.tasks.fit import FitResult, fit
from keras_dlnotes.tasks.strategies import STRATEGIES, check_strategy
from keras_dlnotes.tasks.table import TASKS, get, names
from keras_dlnotes.tasks.task import (
    Baseline,
    Outcome,
    Passages,
    Picture,
    Splits,
    Task,
    UnsuitableDataError,
)

__all__ = [
    "STRATEGIES",
    "TASKS",
    "Baseline",
    "FitResult",
    "Outcome",
    "Passages",
    "Picture",
    "Splits",
    "Task",
    "UnsuitableDataError",
    "check_strategy",
    "fit",
    "get",
    "names",
]
