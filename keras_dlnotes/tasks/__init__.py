"""Example fits: tasks made of data, a model, a loss, scores and figures."""

from keras_dlnotes.common.extras import require

require("tasks", "skimage", "sklearn", "tensorflow_datasets")

from keras_dlnotes.runs import (
    STRATEGIES,
    Baseline,
    FitResult,
    Outcome,
    Passages,
    Picture,
    Splits,
    Task,
    UnsuitableDataError,
    check_strategy,
)
from keras_dlnotes.tasks.fit import fit
from keras_dlnotes.tasks.table import TASKS, get, names

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
