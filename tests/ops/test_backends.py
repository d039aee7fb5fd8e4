"""The three frameworks have the same interface, and any other backend is refused."""

import ast
from pathlib import Path

import keras
import pytest

from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.backends.framework import Framework
from tests.backends import BACKEND, BACKENDS

INTERFACE = {
    "framework": {"FRAMEWORK"},
    "vjp": {"Joined"},
    "correlate": {"correlate", "adjoint_in_inputs", "adjoint_in_kernel"},
}


def _names(path: Path) -> set[str]:
    """The public names that a module defines, found without importing its framework."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node]
        names |= {getattr(target, "name", getattr(target, "id", "_")) for target in targets}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_framework_has_the_same_interface(backend):
    folder = Path(current.__file__).parent / backend
    assert current.BACKENDS == BACKENDS
    for module, expected in INTERFACE.items():
        assert expected <= _names(folder / f"{module}.py")


def test_the_active_framework_answers():
    framework = current.framework()
    assert isinstance(framework, Framework)
    assert framework.known_value(keras.ops.convert_to_tensor(3)) == 3
    assert isinstance(framework.has_gpu(), bool)
    assert framework.prefers_own_kernels == framework.loops_in_python == (BACKEND == "torch")
    assert framework.compiles_each_op == framework.asserts_in_graphs == (BACKEND == "tensorflow")
    assert current.module("vjp").__name__.endswith(f"backends.{BACKEND}.vjp")


def test_another_backend_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    message = "`KERAS_BACKEND` must be .*jax.* Received: KERAS_BACKEND='numpy'"
    with pytest.raises(ValueError, match=message):
        current.framework()
