"""Imports every class that a saved model can name, which registers it with Keras."""

BACKENDS = ("tensorflow", "jax", "torch")

try:
    import keras
except ModuleNotFoundError as error:
    backend = (error.name or "").partition(".")[0]
    if backend not in BACKENDS:
        raise
    raise ModuleNotFoundError(
        f"Keras's backend {backend} is not installed. Install it: "
        f"pip install 'keras_dlnotes[{backend}]', or set the environment variable KERAS_BACKEND "
        f"to one that is: {', '.join(BACKENDS)}.",
        name=backend,
    ) from error

from keras_dlnotes import layers, models, text  # noqa: E402

__all__ = ["keras", "layers", "models", "text"]
