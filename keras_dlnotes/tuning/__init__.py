"""Looking for the best hyperparameters: searches that survive, and leave data and pictures."""

from keras_dlnotes.tuning.results import Results
from keras_dlnotes.tuning.search import Progress, search, work
from keras_dlnotes.tuning.supervisor import SearchError

__all__ = ["Progress", "Results", "SearchError", "search", "work"]
