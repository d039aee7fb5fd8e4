"""`dlnotes report`: models from files, modules and keras.applications."""

import json
import sys
from pathlib import Path

import keras
import pytest

from keras_dlnotes import layers
from keras_dlnotes.cli import ExitCode
from tests.cli.processes import assert_one_line, in_a_new_process


@pytest.fixture
def small_model():
    """A file, and a module in the working directory, with the same model."""
    Path("nets.py").write_text(
        "from keras import Input, Sequential, layers\n"
        "def small(input_shape=(12, 12, 3)):\n"
        "    return Sequential([Input(input_shape), layers.Conv2D(2, 5)], name='small')\n"
        "def open_length(): return Sequential([Input((None, 3)), layers.LSTM(2)])\n"
        "def dense(): return Sequential([Input((3,)), layers.Dense(2)])\n"
        "def sized(input_shape, classes): ...\n"
        "def nothing(): ...\n"
        "model, number = small(), 3\n"
    )
    yield
    sys.modules.pop("nets", None)


def test_report_counts_a_file_a_function_and_a_model(dlnotes, small_model):
    code, stdout, stderr = dlnotes("report", "nets:small")
    assert (code, stderr) == (0, "")
    assert "9,600" in stdout and "small" in stdout and "5 × 5" in stdout
    sys.modules["nets"].model.save("small.keras")
    for name in ("nets:model", "small.keras"):
        code, stdout, stderr = dlnotes("report", name, "--json")
        assert (code, stderr) == (0, "")
        assert json.loads(stdout)["total"]["multiplications"] == 5**2 * 3 * 8**2 * 2
    code, stdout, _ = dlnotes("report", "nets:small", "--input-shape", "14,14,1", "--json")
    assert json.loads(stdout)["total"]["multiplications"] == 5**2 * 10**2 * 2


def test_report_counts_a_network_of_keras_and_writes_a_page(dlnotes):
    arguments = ["keras.applications.MobileNet", "--input-shape", "64,64,3", "--html", "page.html"]
    code, stdout, stderr = dlnotes("report", *arguments)
    assert (code, stderr) == (0, "")
    assert stdout.endswith("report: page.html\n")
    assert "conv_pw_13" in Path("page.html").read_text(encoding="utf-8")


def test_report_measures_what_separable_convolutions_would_save(dlnotes, small_model):
    code, stdout, stderr = dlnotes("report", "nets:small", "--savings", "--html", "page.html")
    assert (code, stderr) == (0, "")
    assert "depthwise-separable  measured" in stdout and f"{1 / 2 + 1 / 25:.3f}" in stdout
    page = Path("page.html").read_text(encoding="utf-8")
    assert "What separable convolutions would save" in page
    assert "measured depthwise ratio" in page and ">nan<" not in page


@pytest.mark.parametrize(
    ("arguments", "end", "parts"),
    [
        (["nets:small", "--savings", "--json"], ExitCode.USAGE, ["mutually exclusive"]),
        (["nets:dense", "--savings"], ExitCode.USAGE, ["two-dimensional convolution"]),
        (["vgg16"], ExitCode.USAGE, ["a .keras file, module:function or keras.applications.NAME"]),
        (["gone.keras"], ExitCode.USAGE, ["File gone.keras does not exist"]),
        (["broken.keras"], ExitCode.FAILED, ["broken.keras can't be loaded"]),
        (["keras.applications.ResNet5"], ExitCode.USAGE, ["Did you mean 'ResNet50'?"]),
        (["gone:small"], ExitCode.USAGE, ["No module named 'gone'"]),
        (["nets:smal"], ExitCode.USAGE, ["Module nets has no 'smal'"]),
        (["nets:number"], ExitCode.USAGE, ["neither a function nor a Keras model"]),
        (["nets:nothing"], ExitCode.USAGE, ["must return a Keras model. It returned: NoneType"]),
        (["nets:sized"], ExitCode.USAGE, ["needs arguments: input_shape, classes"]),
        (["nets:open_length"], ExitCode.USAGE, ["`input_shape` must be given", "--input-shape"]),
        (["nets:small", "--input-shape", "12,x"], ExitCode.USAGE, ["--input-shape", "12,x"]),
        (["nets:model", "--input-shape", "9,9,3"], ExitCode.USAGE, ["(12, 12, 3)", "(9, 9, 3)"]),
        (
            ["nets:small", "--html", "gone/page.html"],
            ExitCode.FOLDER,
            ["its folder does not exist"],
        ),
        (["nets:small", "--html", "."], ExitCode.FOLDER, ["it is a folder"]),
    ],
)
def test_a_report_that_can_not_be_made_is_one_line(dlnotes, small_model, arguments, end, parts):
    Path("broken.keras").write_text("{")
    code, _, stderr = dlnotes("report", *arguments)
    assert code == end
    assert_one_line(stderr, *parts)


@pytest.mark.thorough
def test_a_report_from_a_new_process_loads_the_layers_of_the_package():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, padding=1)])
    model.save("ours.keras")
    done = in_a_new_process("report", "ours.keras", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total"]["multiplications"] == 3**2 * 8**2 * 2
