"""Runs the README's and the pages' examples; what they prepare stays out of a user's folders."""

import atexit
import os
import shutil
import tempfile

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

# TFDS reads this when it is imported
if "TFDS_DATA_DIR" not in os.environ:
    os.environ["TFDS_DATA_DIR"] = tempfile.mkdtemp(prefix="keras_dlnotes_")
    atexit.register(shutil.rmtree, os.environ["TFDS_DATA_DIR"], ignore_errors=True)


def _work_in_a_scratch_folder(namespace):
    namespace["folder"] = os.getcwd()
    os.chdir(tempfile.mkdtemp(prefix="keras_dlnotes_readme_"))


def _leave_the_scratch_folder(namespace):
    scratch = os.getcwd()
    os.chdir(namespace["folder"])
    shutil.rmtree(scratch)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/**/*.md"],
    setup=_work_in_a_scratch_folder,
    teardown=_leave_the_scratch_folder,
).pytest()


def pytest_collection_modifyitems(items):
    """Skips what the pages show of TensorFlow and its float64, where another backend runs."""
    import keras

    if keras.backend.backend() == "tensorflow":
        return
    for item in items:
        if item.path.suffix == ".md" and _is_about_tensorflow(item):
            item.add_marker(pytest.mark.skip(reason="tensorflow only: tapes and float64 of a page"))


def _is_about_tensorflow(item):
    parsed = item.example.parsed  # of a session, or the lines of a script
    source = getattr(parsed, "source", parsed)
    return item.path.parent.name == "derivations" or "tape" in source
