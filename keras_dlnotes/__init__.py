"""Deep-learning lecture notes as Keras 3 layers, models, example fits and reports."""

from keras_dlnotes._version import __version__
