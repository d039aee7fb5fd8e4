"""The example fits: each a task, made of data, a model, a loss, a score and pictures."""

from keras_dlnotes.tasks.fit import STRATEGIES, FitResult, check_strategy, compiled_model, fit
from keras_dlnotes.tasks.table import TASKS, get, names
from keras_dlnotes.tasks.task import Baseline, Picture, Splits, Task, UnsuitableDataError

__all__ = [
    "STRATEGIES",
    "TASKS",
    "Baseline",
    "FitResult",
    "Picture",
    "Splits",
    "Task",
    "UnsuitableDataError",
    "check_strategy",
    "compiled_model",
    "fit",
    "get",
    "names",
]
