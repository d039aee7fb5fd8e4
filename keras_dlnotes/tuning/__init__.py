"""Looking for the best hyperparameters: searches that survive, and leave data and pictures."""

from keras_dlnotes.common.extras import require

require("tuning", "cloudpickle", "filelock", "keras_tuner", "pandas", "sklearn")

from keras_dlnotes.tuning.configuration import Configuration
from keras_dlnotes.tuning.loggers import MLflowLogger, TrialLogger
from keras_dlnotes.tuning.monitor import Progress
from keras_dlnotes.tuning.pruning import HalvingPruning, MedianPruning
from keras_dlnotes.tuning.ray_cluster import RayCluster
from keras_dlnotes.tuning.results import Results
from keras_dlnotes.tuning.search import search
from keras_dlnotes.tuning.spaces import builder_space
from keras_dlnotes.tuning.supervisor import SearchError
from keras_dlnotes.tuning.working import work

__all__ = [
    "Configuration",
    "HalvingPruning",
    "MLflowLogger",
    "MedianPruning",
    "Progress",
    "RayCluster",
    "Results",
    "SearchError",
    "TrialLogger",
    "builder_space",
    "search",
    "work",
]
