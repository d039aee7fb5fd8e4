"""Whether a model is being exported at the moment.

An exported model runs in other programs, which know neither compiled calls nor gradients of ours.
Keras tells a layer nothing about an export, and tracing for a file looks like any other tracing. So
this looks who is calling.
"""

import pkgutil
import sys
from collections.abc import Callable

import keras

from keras_dlnotes.common.checks import argument_error

ONNX = ("keras.src.export.onnx", "tf2onnx")
LITERT = ("keras.src.export.litert", "tensorflow.lite")
ALL = ("keras.src.export", "tf2onnx", "tensorflow.lite")


def is_exporting(to: tuple[str, ...] = ALL) -> bool:
    """Tells whether `keras.Model.export`, or a converter that was called itself, is tracing.

    Args:
        to: the beginnings of the names of the modules that write the format in question.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(to):
            return True
        frame = frame.f_back
    return False


def is_leaving_tensorflow() -> bool:
    """Tells whether TensorFlow is tracing a model for the runtime of ONNX or LiteRT."""
    return keras.backend.backend() == "tensorflow" and is_exporting((*ONNX, *LITERT))


def tensorflow_export(name: str) -> Callable:
    """Returns a function of `backends.tensorflow.exported`, imported when it is needed."""
    return pkgutil.resolve_name(f"keras_dlnotes.ops.backends.tensorflow.exported:{name}")


def refuse_onnx_on_jax(what: str) -> None:
    """Raises where JAX is writing an ONNX file that would fail, or be one that no runtime takes."""
    if keras.backend.backend() == "jax" and is_exporting(ONNX):
        hint = "Save the model, load it on the TensorFlow backend, and export it there."
        raise argument_error("format", f"another one for {what} on JAX", "onnx", hint)
