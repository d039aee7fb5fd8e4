"""The command line: what it prints, how it ends, and what becomes of killed runs."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import pytest

from keras_dlnotes import __version__, cli, data, layers, tasks, tuning
from keras_dlnotes.cli import ExitCode
from tests.backends import BACKEND, only_on

SMALL = {"filters": (4, 8), "hidden": (), "shift": 0.1, "dropout": 0.2}


@pytest.fixture(autouse=True)
def small_digits(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(
        tasks.TASKS, "digits", replace(tasks.TASKS["digits"], arguments=SMALL, batch_size=64)
    )


@pytest.fixture
def dlnotes(monkeypatch, capfd):
    """Runs the command line in this process; returns (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dlnotes", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capfd.readouterr()

    return run


def in_a_new_process(*arguments, **environment):
    """Runs the installed program's code in a process of its own, from outside the repository."""
    paths = [str(Path(cli.__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-m", "keras_dlnotes", *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def assert_one_line(stderr, *parts):
    assert stderr.startswith("dlnotes: ") and stderr.count("\n") == 1, stderr
    for part in parts:
        assert part in stderr


def test_help_tells_the_exit_codes_and_needs_no_keras():
    script = "import sys; sys.argv = ['dlnotes', '--help']\nfrom keras_dlnotes import cli\n"
    script += "try: cli.main()\nfinally: print('keras' in sys.modules)"
    done = in_a_new_process("fit", "--help")
    assert done.returncode == 0 and done.stderr == ""
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


def test_fit_prints_the_score_against_the_baseline_and_the_report(dlnotes):
    code, stdout, stderr = dlnotes("fit", "digits", "--epochs", 1, "--quiet")
    assert (code, stderr) == (0, "")
    metrics = json.loads(Path("runs/digits/metrics.json").read_text())
    score, report = stdout.splitlines()
    assert f"{metrics['test_accuracy']:.4f}" in score
    assert f"{metrics['baseline']['test_accuracy']:.4f}" in score
    assert Path(report.removeprefix("report: ")).is_file()

    code, stdout, stderr = dlnotes("fit", "digits", "--quiet", "--resume")
    assert (code, stderr) == (0, "")
    assert "finished" in stdout and stdout.endswith(f"{score}\n{report}\n")

    code, stdout, stderr = dlnotes("fit", "digits", "--seed", 1)
    assert (code, stdout) == (ExitCode.FOLDER, "")
    assert_one_line(stderr, "already holds a run", "--resume", "--overwrite")

    code, stdout, stderr = dlnotes("fit", "digits", "--resume", "--seed", 1)
    assert (code, stdout) == (ExitCode.FOLDER, "")
    assert_one_line(stderr, "not seed=1")

    code, stdout, stderr = dlnotes("fit", "digits", "--overwrite", "--seed", 1, "--epochs", 1)
    assert (code, stderr) == (0, "")
    assert "val_accuracy" in stdout  # Keras's progress bar
    assert json.loads(Path("runs/digits/metrics.json").read_text())["seed"] == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["fit", "digit"], "Did you mean 'digits'?"),
        (["fit"], "Missing argument"),
        (["fti"], "No such command"),
        (["fit", "digits", "--epochs", "0"], "--epochs"),
        (["fit", "digits", "--epochs", "many"], "--epochs"),
        (["fit", "digits", "--batch-size", "-1"], "--batch-size"),
        (["fit", "digits", "--seed", "-1"], "--seed"),
        (["fit", "digits", "--data", "mnist"], "'mnist_subset'"),
        (["fit", "digits", "--backend", "theano"], "--backend"),
        (["fit", "digits", "--strategy", "tpu"], "--strategy"),
        (["fit", "digits", "--resume", "--overwrite"], "exclude each other"),
        (["fit", "digits", "--epoch", "3"], "--epoch"),
    ],
)
def test_bad_usage_is_one_line(dlnotes, arguments, part):
    code, stdout, stderr = dlnotes(*arguments)
    assert (code, stdout) == (ExitCode.USAGE, "")
    assert_one_line(stderr, part)
    assert not Path("runs").exists()


def test_a_backend_that_is_not_installed_is_one_line(dlnotes, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, stdout, stderr = dlnotes("fit", "digits", "--backend", "jax")
    assert (code, stdout) == (ExitCode.USAGE, "")
    assert_one_line(stderr, "jax is not installed", "pip install 'keras_dlnotes[jax]'")


@pytest.mark.parametrize("out", ["occupied", "file", "file/below", "corrupt"])
def test_a_folder_that_can_not_be_used_is_one_line(dlnotes, out):
    Path("file").write_text("mine")
    Path("occupied").mkdir()
    Path("occupied", "thesis.txt").write_text("mine")
    Path("corrupt").mkdir()
    Path("corrupt", "run.json").write_text("{")
    for option in ([], ["--resume"], ["--overwrite"]):
        if out == "corrupt" and not option:
            continue
        code, stdout, stderr = dlnotes("fit", "digits", "--out", out, *option)
        assert (code, stdout) == (ExitCode.FOLDER, "")
        assert_one_line(stderr, out)
    assert Path("occupied", "thesis.txt").exists()


def test_a_corrupt_checkpoint_is_one_line(dlnotes):
    dlnotes("fit", "digits", "--epochs", 1)
    (weights,) = Path("runs/digits/checkpoints").glob("*.h5")
    weights.write_bytes(weights.read_bytes()[:1000])
    code, _, stderr = dlnotes("fit", "digits", "--epochs", 2, "--resume")
    assert code == ExitCode.FOLDER
    assert_one_line(stderr, weights.name, "corrupt", "--overwrite")


@pytest.mark.parametrize("error", [data.DataUnavailableError, tasks.UnsuitableDataError])
def test_data_that_is_not_to_be_had_is_one_line(dlnotes, monkeypatch, error):
    def prepare(name):
        raise error(f"{name} is\nnot here.")

    monkeypatch.setitem(tasks.TASKS, "digits", replace(tasks.get("digits"), prepare=prepare))
    code, stdout, stderr = dlnotes("fit", "digits", "--data", "tfds:mnist")
    assert (code, stdout) == (ExitCode.DATA, "")
    assert_one_line(stderr, "tfds:mnist is not here.")


def test_a_failed_run_is_one_line_and_a_traceback_only_on_demand(dlnotes, monkeypatch):
    def build(splits, **arguments):
        raise RuntimeError("boom\nand more")

    monkeypatch.setitem(tasks.TASKS, "digits", replace(tasks.get("digits"), build=build))
    code, stdout, stderr = dlnotes("fit", "digits")
    assert (code, stdout) == (ExitCode.FAILED, "")
    assert_one_line(stderr, "RuntimeError: boom and more")
    code, stdout, stderr = dlnotes("--debug", "fit", "digits")
    assert code == ExitCode.FAILED
    assert "Traceback" in stderr and stderr.endswith("dlnotes: RuntimeError: boom and more\n")


def test_ctrl_c_says_how_to_go_on(dlnotes, monkeypatch):
    def build(splits, **arguments):
        raise KeyboardInterrupt

    monkeypatch.setitem(tasks.TASKS, "digits", replace(tasks.get("digits"), build=build))
    code, _, stderr = dlnotes("fit", "digits")
    assert code == ExitCode.INTERRUPTED
    assert_one_line(stderr, "Interrupted", "--resume")


@only_on("jax", "torch", reason="without the option, TensorFlow it is")
def test_the_backend_option_runs_on_that_backend():
    options = ["--backend", BACKEND, "--epochs", "1", "--quiet", "--data", "digits"]
    done = in_a_new_process("fit", "digits", *options, KERAS_BACKEND="tensorflow")
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("runs/digits/metrics.json").read_text())["backend"] == BACKEND


def test_a_new_process_prints_nothing_but_its_result():
    done = in_a_new_process("fit", "digits", "--epochs", "1", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


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
        (["nets:small", "--savings", "--json"], ExitCode.USAGE, ["exclude each other"]),
        (["nets:dense", "--savings"], ExitCode.USAGE, ["two-dimensional convolution"]),
        (["vgg16"], ExitCode.USAGE, ["a .keras file, module:function or keras.applications.NAME"]),
        (["gone.keras"], ExitCode.USAGE, ["There is no file gone.keras"]),
        (["broken.keras"], ExitCode.FAILED, ["broken.keras can't be loaded"]),
        (["keras.applications.ResNet5"], ExitCode.USAGE, ["Did you mean 'ResNet50'?"]),
        (["gone:small"], ExitCode.USAGE, ["No module named 'gone'"]),
        (["nets:smal"], ExitCode.USAGE, ["Module nets has no 'smal'"]),
        (["nets:number"], ExitCode.USAGE, ["neither a function nor a Keras model"]),
        (["nets:nothing"], ExitCode.USAGE, ["no Keras model but a NoneType"]),
        (["nets:sized"], ExitCode.USAGE, ["needs arguments: input_shape, classes"]),
        (["nets:open_length"], ExitCode.USAGE, ["`input_shape` must be given", "--input-shape"]),
        (["nets:small", "--input-shape", "12,x"], ExitCode.USAGE, ["--input-shape", "12,x"]),
        (["nets:model", "--input-shape", "9,9,3"], ExitCode.USAGE, ["(12, 12, 3)", "(9, 9, 3)"]),
        (["nets:small", "--html", "gone/page.html"], ExitCode.FOLDER, ["there is no such folder"]),
        (["nets:small", "--html", "."], ExitCode.FOLDER, ["that is a folder"]),
    ],
)
def test_a_report_that_can_not_be_made_is_one_line(dlnotes, small_model, arguments, end, parts):
    Path("broken.keras").write_text("{")
    code, _, stderr = dlnotes("report", *arguments)
    assert code == end
    assert_one_line(stderr, *parts)


def test_a_report_from_a_new_process_loads_the_layers_of_the_package():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, padding=1)])
    model.save("ours.keras")
    done = in_a_new_process("report", "ours.keras", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total"]["multiplications"] == 3**2 * 8**2 * 2


def small_space(hp):
    return SMALL | {"learning_rate": hp.Choice("learning_rate", [0.003, 0.01])}


def test_tune_tells_the_trials_and_the_best(dlnotes, monkeypatch):
    monkeypatch.setitem(tuning.spaces.TASK_SPACES, "digits", small_space)
    options = ["digits", "--tuner", "grid", "--epochs", 1, "--out", "search"]
    code, stdout, _ = dlnotes("tune", *options)
    assert code == ExitCode.DONE, stdout
    assert "trial 0000: val_loss" in stdout and "trial 0001: val_loss" in stdout
    assert "best val_loss" in stdout and "learning_rate=" in stdout
    assert Path("search/report.html").is_file() and Path("search/results.csv").is_file()

    code, _, stderr = dlnotes("tune", *options)
    assert code == ExitCode.FOLDER
    assert_one_line(stderr, "already holds a search", "--resume", "--overwrite")

    code, stdout, _ = dlnotes("tune", *options, "--resume")
    assert code == ExitCode.DONE and "best val_loss" in stdout


@pytest.mark.parametrize(
    "options, message",
    [
        (["digitz"], "Did you mean 'digits'?"),
        (["digits", "--resume", "--overwrite"], "exclude each other"),
        (["digits", "--chief", "here:1", "--worker", "here:1"], "exclude each other"),
        (["digits", "--workers", "0"], "--workers 0 needs a --chief"),
        (["digits", "--chief", "here"], "HOST:PORT"),
        (["digits", "--tuner", "annealing"], "annealing"),
        (["digits", "--objective", "val_size"], "whether more is better"),
    ],
)
def test_tune_tells_mistakes_at_once(options, message, dlnotes):
    code, _, stderr = dlnotes("tune", *options)
    assert code == ExitCode.USAGE
    assert_one_line(stderr, message)
