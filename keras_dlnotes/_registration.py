"""Imports every class that a saved model can name, which registers it with Keras."""

from keras_dlnotes.common.extras import chosen_backend

with chosen_backend():
    import keras

from keras_dlnotes import interop, layers, models, text

__all__ = ["interop", "keras", "layers", "models", "text"]
