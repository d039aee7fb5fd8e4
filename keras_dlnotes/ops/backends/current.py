"""The modules of the active backend, imported when they are first needed."""

import functools
import importlib
from collections.abc import Callable
from types import ModuleType

import keras

from keras_dlnotes.common.checks import choice
from keras_dlnotes.ops.backends.framework import Framework

BACKENDS = ("tensorflow", "jax", "torch")


def module(name: str) -> ModuleType:
    """Returns the active backend's module of this name."""
    return _module(keras.backend.backend(), name)


def function(module_name: str, name: str) -> Callable:
    """Returns a function of one of these modules, which is imported when it is first called."""
    return lambda *inputs, **settings: getattr(module(module_name), name)(*inputs, **settings)


def framework() -> Framework:
    """Returns what there is to know about the active backend."""
    return module("framework").FRAMEWORK


@functools.cache
def _module(backend: str, name: str) -> ModuleType:
    choice("KERAS_BACKEND", backend, BACKENDS)
    return importlib.import_module(f"keras_dlnotes.ops.backends.{backend}.{name}")
