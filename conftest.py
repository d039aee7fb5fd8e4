"""Runs the README's and the pages' examples; what they prepare stays out of a user's folders."""

import atexit
import importlib.util
import os
import shutil
import tempfile

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

pytest_plugins = ["pytester"]
if os.environ.get("DLNOTES_TESTS_TYPED"):
    pytest_plugins.append("tests.typed")  # before the package is imported

# TFDS reads this when it is imported
if "TFDS_DATA_DIR" not in os.environ:
    os.environ["TFDS_DATA_DIR"] = tempfile.mkdtemp(prefix="keras_dlnotes_")
    atexit.register(shutil.rmtree, os.environ["TFDS_DATA_DIR"], ignore_errors=True)

# doctests import what they look at, and a file that can't be imported is an error
NEEDS = {"keras_dlnotes/interop/from_torch": "torch"} | {
    f"keras_dlnotes/ops/backends/{name}": name for name in ("jax", "tensorflow", "torch")
}
collect_ignore = ["docs/_hooks"] + [  # which MkDocs imports in a way of its own
    folder for folder, package in NEEDS.items() if not importlib.util.find_spec(package)
]


# Pages with examples of many seconds, whose code is tested elsewhere, too.
THOROUGH = {
    "convert-a-pytorch-network.md",
    "export-a-model.md",
    "tour.md",
    "tune-over-many-machines.md",
    "tuning.md",
}


def _work_in_a_scratch_folder(namespace):
    namespace["folder"] = os.getcwd()
    os.chdir(tempfile.mkdtemp(prefix="keras_dlnotes_readme_"))


def _leave_the_scratch_folder(namespace):
    scratch = os.getcwd()
    os.chdir(namespace["folder"])
    shutil.rmtree(scratch)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=_work_in_a_scratch_folder,
    teardown=_leave_the_scratch_folder,
).pytest()


def pytest_collection_modifyitems(items):
    """Skips examples of pages and docstrings that this environment can't run, and says so."""
    import keras

    for item in items:
        source = _source(item)
        if item.path.name in THOROUGH:
            item.add_marker(pytest.mark.thorough)
        is_of_torchvision = item.path.name == "convert-a-pytorch-network.md"
        needed = "torchvision" if is_of_torchvision else "torch"
        if (is_of_torchvision or "import torch" in source) and not _is_installed(needed):
            item.add_marker(pytest.mark.skip(reason=f"needs {needed}"))
            continue
        if item.path.parent.name == "derivations" or "tape" in source or "pooled[" in source:
            backends = ("tensorflow",)
            reason = "tensorflow only: shows TensorFlow's tape and float64"
        elif "litert" in source:
            backends = ("tensorflow",)
            reason = "tensorflow only: writes a LiteRT file"
        elif "saved_model" in source:
            backends = ("tensorflow", "jax")
            reason = "tensorflow or jax only: writes a SavedModel"
        elif item.path.name == "endless-stream.md" or "fit_truncated" in source:
            backends = ("tensorflow", "torch")
            reason = "tensorflow or torch only: JAX's train step cannot carry states"
        elif "import onnxruntime" in source and item.path.suffix == ".md":
            is_there = _is_installed("onnxruntime") and _is_installed("tf2onnx")
            backends = ("tensorflow",) if is_there else ()
            reason = "tensorflow only, with the extra export"
        else:
            continue
        if source and keras.backend.backend() not in backends:
            item.add_marker(pytest.mark.skip(reason=reason))


def _is_installed(package):
    return importlib.util.find_spec(package) is not None


def _source(item):
    """What an example of a page or a docstring says; nothing for other tests."""
    if item.path.suffix == ".md":
        parsed = item.example.parsed  # of a session, or the lines of a script
        return getattr(parsed, "source", parsed)
    examples = getattr(getattr(item, "dtest", None), "examples", ())
    return "".join(example.source for example in examples)
