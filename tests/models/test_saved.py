"""Every builder's and every task's network, loaded by a process that imports the package alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from keras_dlnotes import models, tasks
from tests.models.table import IMAGE_BUILDERS, OTHER_BUILDERS, build

# the script has the name of the command: what a program is called must not matter
SCRIPT = """
import json
import sys

import keras_dlnotes

import keras

totals = {}
for path, shapes in json.loads(sys.argv[1]):
    try:
        report = keras_dlnotes.reports.summarize(keras.models.load_model(path), shapes)
        totals[path] = [report.total.parameters, report.unknown]
    except Exception as error:
        totals[path] = repr(error)
print(json.dumps(totals))
"""


def test_the_table_has_every_builder():
    functions = {"decode", "sample"}  # of models that are built
    deep = {"densenet121"}  # `densenet` of 8 million weights
    assert {*IMAGE_BUILDERS, *OTHER_BUILDERS} == {*models.__all__} - functions - deep


def _networks():
    for name in (*IMAGE_BUILDERS, *OTHER_BUILDERS):
        yield name, build(name)
        if name in IMAGE_BUILDERS:
            shape = IMAGE_BUILDERS[name][1]["input_shape"]
            first = (shape[2], *shape[:2])
            yield f"{name}_first", build(name, input_shape=first, data_format="channels_first")
    for name in tasks.names():
        task = tasks.get(name)
        yield f"task_{name}", task.build(task.prepare(task.data), **task.arguments)


def _shapes(model):
    shapes = [[length or 16 for length in tensor.shape[1:]] for tensor in model.inputs]
    return shapes if len(shapes) > 1 else shapes[0]


@pytest.mark.slow
def test_a_new_process_loads_and_reports_every_network(tmp_path):
    saved, expected = [], {}
    for name, model in _networks():
        path, shapes = str(tmp_path / f"{name}.keras"), _shapes(model)
        model.save(path)
        saved.append([path, shapes])
        expected[path] = [model.count_params(), []]
        del model
        keras.utils.clear_session()
    script = tmp_path / "dlnotes.py"
    script.write_text(SCRIPT)
    root = str(Path(models.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(saved)],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected
