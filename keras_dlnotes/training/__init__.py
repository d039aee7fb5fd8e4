"""What `keras.Model.fit` lacks: run folders, and runs that survive any interruption."""

from keras_dlnotes.training.batches import ShuffledBatches
from keras_dlnotes.training.checkpoints import RunState
from keras_dlnotes.training.files import atomic_path, write_json
from keras_dlnotes.training.fit import fit_resumable, run_state
from keras_dlnotes.training.run_folder import RunFolder, RunFolderError

__all__ = [
    "RunFolder",
    "RunFolderError",
    "RunState",
    "ShuffledBatches",
    "atomic_path",
    "fit_resumable",
    "run_state",
    "write_json",
]
