"""The public names: there, documented, registered, and nothing else."""

import importlib
import inspect
import subprocess
import sys

import keras
import pytest

import keras_dlnotes

PARTS = [
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


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_reached_from_the_package(part):
    assert getattr(keras_dlnotes, part) is importlib.import_module(f"keras_dlnotes.{part}")
    assert part in keras_dlnotes.__all__


@pytest.mark.parametrize("part", PARTS)
def test_public_names_exist_and_are_documented(part):
    module = importlib.import_module(f"keras_dlnotes.{part}")
    assert inspect.getdoc(module)
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name))
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_names_of_the_contract():
    for name in ("Conv1D", "Conv2D", "Conv3D"):
        assert hasattr(keras_dlnotes.layers, name)
    for name in ("output_length", "conv", "max_pool", "average_pool"):
        assert callable(getattr(keras_dlnotes.ops, name))
    assert keras_dlnotes.__version__.count(".") == 2


@pytest.mark.parametrize("name", keras_dlnotes.layers.__all__)
def test_layers_are_registered(name):
    layer_class = getattr(keras_dlnotes.layers, name)
    assert keras.saving.get_registered_name(layer_class) == f"keras_dlnotes>{name}"


@pytest.mark.thorough
def test_importing_the_package_prints_nothing():
    result = subprocess.run(
        [sys.executable, "-c", "import keras_dlnotes"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0
    assert result.stdout == ""
