"""`dlnotes fit`: what it prints, and how it ends."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from keras_dlnotes import data, tasks
from keras_dlnotes.cli import ExitCode
from keras_dlnotes.common import extras
from tests.cli.processes import assert_one_line


@pytest.mark.thorough
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
        (["fit", "digits", "--resume", "--overwrite"], "mutually exclusive"),
        (["fit", "digits", "--epoch", "3"], "--epoch"),
    ],
)
def test_bad_usage_is_one_line(dlnotes, arguments, part):
    code, stdout, stderr = dlnotes(*arguments)
    assert (code, stdout) == (ExitCode.USAGE, "")
    assert_one_line(stderr, part)
    assert not Path("runs").exists()


def test_a_backend_that_is_not_installed_is_one_line(dlnotes, monkeypatch):
    found = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "jax" else found(name))
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


@pytest.mark.thorough
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
