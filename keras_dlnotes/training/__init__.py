"""What `keras.Model.fit` lacks: runs that survive any interruption, and endless streams."""

from keras_dlnotes.training.batches import ConsecutiveBatches, ShuffledBatches
from keras_dlnotes.training.checkpoints import RunState
from keras_dlnotes.training.files import atomic_path, write_bytes, write_json, write_text
from keras_dlnotes.training.fit import fit_resumable, run_state
from keras_dlnotes.training.run_folder import RunFolder, RunFolderError
from keras_dlnotes.training.separation import Separation, separate_convolutions
from keras_dlnotes.training.statistics import RecomputeStatistics, recompute_statistics
from keras_dlnotes.training.truncated import fit_truncated

__all__ = [
    "ConsecutiveBatches",
    "RecomputeStatistics",
    "RunFolder",
    "RunFolderError",
    "RunState",
    "Separation",
    "ShuffledBatches",
    "atomic_path",
    "fit_resumable",
    "fit_truncated",
    "recompute_statistics",
    "run_state",
    "separate_convolutions",
    "write_bytes",
    "write_json",
    "write_text",
]
