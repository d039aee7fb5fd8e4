"""Deep-learning lecture notes as Keras 3 layers, models, example fits and reports."""

import importlib
import sys
from pathlib import Path

from keras_dlnotes._version import __version__

__all__ = [
    "__version__",
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
    """Imports a part of the package when it is first asked for."""
    if name in __all__:
        return importlib.import_module(f"keras_dlnotes.{name}")
    raise AttributeError(f"module 'keras_dlnotes' has no attribute {name!r}")


def _is_command_line() -> bool:
    program = Path(sys.argv[0]).stem if sys.argv else ""
    # while `python -m` looks for a module, it stands for the program, whatever options are between
    module = zip(sys.orig_argv, sys.orig_argv[1:], strict=False) if program == "-m" else ()
    return program == "dlnotes" or ("-m", __name__) in module


# `import keras_dlnotes` registers all layers, so that Keras can load saved models. The command line
# does so later: it chooses Keras's backend first, and answers `--help` without Keras at all.
if not _is_command_line():
    from keras_dlnotes import layers, models, text
