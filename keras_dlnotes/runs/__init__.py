"""The engine of a fit that survives interruptions: task, folder, checkpoints, page."""

from keras_dlnotes.common.extras import require
from keras_dlnotes.common.metrics import Score

require("tasks", "filelock", "matplotlib")

from keras_dlnotes.runs.batches import ConsecutiveBatches, ShuffledBatches
from keras_dlnotes.runs.checkpoints import RunState
from keras_dlnotes.runs.fit import FitResult, fit
from keras_dlnotes.runs.folder import RunFolder
from keras_dlnotes.runs.records import RunFolderError
from keras_dlnotes.runs.resumable import fit_resumable, run_state
from keras_dlnotes.runs.strategies import STRATEGIES, check_strategy
from keras_dlnotes.runs.task import (
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
    "Baseline",
    "ConsecutiveBatches",
    "FitResult",
    "Outcome",
    "Passages",
    "Picture",
    "RunFolder",
    "RunFolderError",
    "RunState",
    "Score",
    "ShuffledBatches",
    "Splits",
    "Task",
    "UnsuitableDataError",
    "check_strategy",
    "fit",
    "fit_resumable",
    "run_state",
]
