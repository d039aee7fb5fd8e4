"""Whether a model is being exported at the moment.

An exported model runs in other programs, which know neither compiled calls nor our gradients. No
framework tells a layer that it is being exported: tracing for a file looks like any other tracing.
So this looks at who is calling, by the names of modules.
"""

import inspect

import keras

from keras_dlnotes.common.checks import argument_error

# packages, and all modules below them
ONNX = ("keras.src.export.onnx", "tf2onnx")
LITERT = ("keras.src.export.litert", "tensorflow.lite")
ALL = ("keras.src.export", "tf2onnx", "tensorflow.lite")


def is_exporting(to: tuple[str, ...] = ALL) -> bool:
    """Tells whether `keras.Model.export`, or a converter called directly, is tracing.

    Args:
        to: the modules that write the format in question; those below them count, too.
    """
    frame = inspect.currentframe()
    while frame is not None:
        name = frame.f_globals.get("__name__") or ""
        # first the cheap test, which most frames fail
        if name.startswith(to) and any(f"{name}.".startswith(f"{module}.") for module in to):
            return True
        frame = frame.f_back
    return False


def is_leaving_tensorflow() -> bool:
    """Tells whether TensorFlow is tracing a model for the runtime of ONNX or LiteRT."""
    return keras.backend.backend() == "tensorflow" and is_exporting((*ONNX, *LITERT))


def refuse_onnx_on_jax(what: str) -> None:
    """Raises where JAX is writing an ONNX file that would fail, or that no runtime would load."""
    if keras.backend.backend() == "jax" and is_exporting(ONNX):
        hint = "Save the model, load it on the TensorFlow backend, and export it there."
        raise argument_error("format", f"another one for {what} on JAX", "onnx", hint)
