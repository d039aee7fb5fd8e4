"""Deep-learning lecture notes as Keras 3 layers, models, example fits and reports."""

from keras_dlnotes import layers, models, ops
from keras_dlnotes._version import __version__

__all__ = ["__version__", "layers", "models", "ops"]
