"""Real data sets that come with the package, and any of TensorFlow Datasets."""

from keras_dlnotes.data.cards import DataCard, card, names
from keras_dlnotes.data.errors import DataUnavailableError
from keras_dlnotes.data.loading import builder, load

__all__ = ["DataCard", "DataUnavailableError", "builder", "card", "load", "names"]
