"""Deep-learning lecture notes as Keras 3 layers, models, example fits and reports."""

import importlib
import sys

from keras_dlnotes._version import __version__

__all__ = [
    "__version__",
    "config",
    "data",
    "interop",
    "layers",
    "models",
    "ops",
    "reports",
    "runs",
    "tasks",
    "text",
    "training",
    "tuning",
]


def __getattr__(name: str):
    """Imports a part of the package on first use."""
    if name in __all__:
        return importlib.import_module(f"keras_dlnotes.{name}")
    raise AttributeError(f"module 'keras_dlnotes' has no attribute {name!r}")


def _command_is_starting() -> bool:
    """Returns whether `dlnotes` or `python -m keras_dlnotes` imports the package, and nobody else.

    While `python -m` locates a module, `sys.argv` is ["-m", *arguments], and `sys.orig_argv` ends
    with the module's name and the same arguments.
    """
    if getattr(sys.modules.get("keras_dlnotes_command"), "is_starting", False):
        return True
    arguments = getattr(sys, "argv", [])
    return arguments[:1] == ["-m"] and sys.orig_argv[-len(arguments)] == __name__


# The command chooses the backend before it imports Keras, and prints its help without it.
if not _command_is_starting():
    importlib.import_module("keras_dlnotes._registration")
