"""Whether XLA compiles the ops, and where JAX keeps what it has compiled."""

import os

from keras_dlnotes.common import checks
from keras_dlnotes.ops.backends import current

SWITCH, CACHE = "DLNOTES_COMPILATION", "DLNOTES_COMPILATION_CACHE"

_enabled = {"0": False, "1": True}[checks.choice(SWITCH, os.environ.get(SWITCH) or "1", ("0", "1"))]


def set_compilation(enabled: bool) -> None:
    """Sets whether XLA compiles the ops of this library, in this process.

    Without it the same operations run one by one: to debug or profile them, or on a machine where
    XLA fails. The numbers are the same up to rounding. On TensorFlow it is this library that asks
    for XLA, op by op; on JAX, it leaves out the library's own `jax.jit`, and Keras still compiles
    the step around it unless `compile(jit_compile=False)` says otherwise; PyTorch compiles nothing.
    What has been traced before, as the train step of a model that was fitted, stays as it is.

    The environment variable `DLNOTES_COMPILATION=0` does the same from the start.

    Args:
        enabled: bool. True at first.

    Example:

    >>> import keras
    >>> from keras_dlnotes import config, layers
    >>> config.set_compilation(False)
    >>> tuple(layers.MaxPooling2D()(keras.ops.ones((1, 4, 4, 1))).shape)
    (1, 2, 2, 1)
    >>> config.set_compilation(True)
    """
    global _enabled
    _enabled = checks.flag("enabled", enabled)


def is_compilation_enabled() -> bool:
    """Tells whether XLA compiles the ops of this library."""
    return _enabled


def compilation_cache(path: str | os.PathLike | None) -> None:
    """Keeps compiled programs in a folder, so that the next process need not compile them (JAX).

    It is JAX's own cache, for all that JAX compiles in this process, Keras's steps included. There
    is none for TensorFlow: its files carry neither a version nor the processor, and a damaged one
    ends training. PyTorch compiles nothing here.

    The environment variable `DLNOTES_COMPILATION_CACHE`, the path of a folder, does the same from
    the start; it is read on JAX only.

    Args:
        path: of the folder, which is made where there is none; None keeps nothing.

    Raises:
        RuntimeError: on a backend other than JAX.
    """
    if path is not None:
        path = checks.path("path", path)
    current.framework().keep_compiled(path)


if os.environ.get(CACHE) and current.framework().keeps_compiled:
    compilation_cache(os.environ[CACHE])
