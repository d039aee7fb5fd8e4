"""A plugin of pytest that runs Keras's own tests on this package's layers.

Keras's tests take their layers from `keras.src.layers`, so that is where ours have to stand before
a test is imported. Nothing else in this repository knows Keras's private modules.

From the environment it reads `DLNOTES_LAYERS`, which layers are tested, and `DLNOTES_OUTCOMES`, the
file to write what came out.
"""

import contextlib
import importlib
import json
import os
import re

import keras
import pytest

from keras_dlnotes import layers

PLAIN, OURS, KERAS_DEFAULTS = "Keras's", "ours", "ours with Keras's defaults"
TWINS = [name for name in layers.__all__ if hasattr(keras.layers, name)]

outcomes: dict[str, dict] = {}  # by the name of the test
made: set[str] = set()  # the classes of ours that the running test makes layers of
# where it expects an error of Keras: messages of ours that it meets, patterns that nothing met
errors: dict[str, list[str]] = {"worded": [], "missing": []}


def pytest_configure():
    which = os.environ["DLNOTES_LAYERS"]
    note_what_is_made()
    if which == KERAS_DEFAULTS:
        take_keras_defaults()
    if which != PLAIN:
        replace_layers()
        note_errors()


def replace_layers():
    """Puts every class of ours where Keras's stands, under all of its names."""
    ours = {getattr(keras.layers, name): getattr(layers, name) for name in TWINS}
    for module in (keras.layers, importlib.import_module("keras.src.layers")):
        for name, value in list(vars(module).items()):
            if isinstance(value, type) and value in ours:
                setattr(module, name, ours[value])


def take_keras_defaults():
    """Gives the layers that have defaults of the notes those of Keras."""
    layers.BatchNormalization.__init__.__kwdefaults__["moving_statistic"] = "variance"
    for layer in (layers.GRU, layers.GRUCell):
        layer.different_defaults = {}


def note_what_is_made():
    construct = keras.Layer.__new__

    def noting(cls, *args, **kwargs):
        made.update(name for name in TWINS if issubclass(cls, getattr(layers, name)))
        return construct(cls, *args, **kwargs)

    keras.Layer.__new__ = staticmethod(noting)


def note_errors():
    """Lets a test go on where ours raises an error of its own words, or none, and notes that."""

    @contextlib.contextmanager
    def assert_raises(self, error, pattern):
        try:
            yield
        except error as caught:
            message = str(caught)
            if not re.search(pattern, message):
                self.assertRegex(message, "^Argument `.+` must be .+ Received: ")
                errors["worded"].append(message)
        else:
            errors["missing"].append(pattern)

    importlib.import_module("keras.src.testing").TestCase.assertRaisesRegex = assert_raises


def pytest_runtest_setup():
    made.clear()
    errors.update(worded=[], missing=[])
    keras.utils.set_random_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    row = outcomes.setdefault(_name(item), {"outcome": "passed", "message": ""})
    if report.outcome != "passed":
        crash = getattr(report.longrepr, "reprcrash", None)
        row["outcome"] = report.outcome
        row["message"] = crash.message if crash else str(report.longrepr)
    row.update(made=sorted(made), **errors)
    return report


def _name(item) -> str:
    """A test by its file and name: "conv_test.py::ConvBasicTest::test_conv1d_basic0"."""
    return f"{item.path.name}::{item.nodeid.split('::', 1)[1]}"


def pytest_sessionfinish():
    with open(os.environ["DLNOTES_OUTCOMES"], "w") as file:
        json.dump(outcomes, file, indent=1)
