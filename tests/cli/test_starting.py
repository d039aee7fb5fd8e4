"""How the command starts: help without Keras, and the backend that is asked for.

Any other program that imports the package finds its classes registered, whatever it is called.
"""

import configparser
import json
import os
import resource
import sys
from pathlib import Path

import keras
import pytest

from keras_dlnotes import __version__, cli, data, layers, models, tasks
from keras_dlnotes.cli import ExitCode
from tests.backends import BACKEND, only_on
from tests.cli.processes import REPOSITORY, assert_one_line, in_a_new_process, run

SCRIPT = """
import sys
from {module} import {function}
if __name__ == "__main__":
    sys.exit({function}())
"""
LOAD = """
import keras_dlnotes
import keras

def test_model():
    assert keras.saving.load_model("model.keras", compile=False).count_params()

if __name__ == "__main__":
    test_model()
"""
WITHOUT = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Finder())
"""


@pytest.fixture
def command():
    """The words that start the command: by its script, as pip would write it, or as a module."""
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    entry = setup["options.entry_points"]["console_scripts"].strip()
    name, _, target = entry.partition(" = ")
    module, _, function = target.partition(":")
    Path(name).write_text(SCRIPT.format(module=module, function=function))
    return {"script": [name], "module": ["-m", "keras_dlnotes"]}


@pytest.mark.parametrize("start", ["script", "module"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_take_less_than_a_second_since_they_need_no_keras(command, start, option):
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = run([sys.executable, "-X", "importtime", *command[start], option])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert done.returncode == 0 and "dlnotes" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"keras_dlnotes", "typer"} <= imported
    assert not imported & {"keras", "tensorflow", "jax", "torch"}
    assert min(seconds) < 1.0


def test_the_help_of_a_command_lists_the_exit_codes():
    done = in_a_new_process("fit", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for code, meaning in cli.MEANINGS.items():
        assert f"{code.value} {meaning.split(',')[0]}" in done.stdout


def test_version(dlnotes):
    assert dlnotes("--version") == (0, f"dlnotes {__version__}\n", "")


def test_without_a_command_it_prints_the_help(dlnotes):
    code, stdout, stderr = dlnotes()
    assert code == ExitCode.USAGE and "tasks" in stdout and stderr == ""


def test_tasks_and_data_list_all_names(dlnotes):
    code, stdout, _ = dlnotes("tasks")
    assert code == 0 and all(name in stdout for name in tasks.names())
    code, stdout, _ = dlnotes("data")
    assert code == 0 and all(name in stdout for name in data.names())


@pytest.mark.thorough
@pytest.mark.parametrize(
    "program",
    [
        ["dlnotes.py"],
        ["-m", "dlnotes", "-m", "keras_dlnotes"],
        ["-m", "ipykernel_launcher", "-f", "kernel.json"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "dlnotes.py"],
    ],
    ids=["script", "module", "notebook", "pytest"],
)
def test_any_program_that_imports_the_package_loads_saved_models(program):
    inputs = keras.Input((4, 2))
    keras.Model(inputs, layers.LSTM(2)(inputs)).save("model.keras")
    for name in ("dlnotes.py", "ipykernel_launcher.py"):
        Path(name).write_text(LOAD)
    done = run([sys.executable, *program])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("start", ["script", "module"])
def test_the_command_loads_the_models_of_the_package(command, start):
    model = models.unet((20, 20, 1), filters=2, depth=1, padding=0)
    model.save("unet.keras")
    done = run([sys.executable, *command[start], "report", "unet.keras", "--json"])
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total"]["parameters"] == model.count_params()


@only_on("jax", "torch", reason="TensorFlow is the default")
@pytest.mark.parametrize("start", ["script", "module"])
def test_the_backend_option_runs_on_that_backend(command, start):
    options = ["--backend", BACKEND, "--epochs", "1", "--quiet", "--data", "digits"]
    words = [sys.executable, *command[start], "fit", "digits", *options]
    done = run(words, KERAS_BACKEND="tensorflow")
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("runs/digits/metrics.json").read_text())["backend"] == BACKEND


@pytest.mark.thorough
def test_a_new_process_prints_nothing_but_its_result():
    done = in_a_new_process("fit", "digits", "--epochs", "1", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


def test_a_backend_that_is_not_installed_is_named_with_its_extra():
    Path("sitecustomize.py").write_text(WITHOUT)
    paths = os.pathsep.join([os.getcwd(), str(REPOSITORY)])
    surroundings = {"PYTHONPATH": paths, "KERAS_BACKEND": "tensorflow"}
    done = run([sys.executable, "-c", "import keras_dlnotes"], **surroundings)
    sentence = "backend tensorflow is not installed. Install it: "
    sentence += "pip install 'keras_dlnotes[tensorflow]', or set the environment variable"
    assert done.returncode == 1 and sentence in done.stderr.splitlines()[-1]
    done = run([sys.executable, "-m", "keras_dlnotes", "report", "a:b"], **surroundings)
    assert done.returncode == ExitCode.USAGE
    assert_one_line(done.stderr, sentence)
