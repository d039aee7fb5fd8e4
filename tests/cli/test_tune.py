"""`dlnotes tune`: the trials, the best one, and bad usage."""

from pathlib import Path

import pytest

from keras_dlnotes import tuning
from keras_dlnotes.cli import ExitCode
from tests.cli.processes import assert_one_line
from tests.tuning import finished


@pytest.mark.thorough
def test_tune_prints_the_trials_and_the_best(dlnotes, monkeypatch, small_digits):
    def small_space(hp):
        return small_digits | {"learning_rate": hp.Choice("learning_rate", [0.003, 0.01])}

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
        (["digits", "--resume", "--overwrite"], "mutually exclusive"),
        (["digits", "--chief", "here:1", "--worker", "here:1"], "mutually exclusive"),
        (["digits", "--workers", "0"], "--workers 0 needs a --chief"),
        (["digits", "--chief", "here"], "HOST:PORT"),
        (["digits", "--tuner", "annealing"], "annealing"),
        (["digits", "--objective", "val_size"], "whether more is better"),
    ],
)
def test_bad_usage_is_one_line(options, message, dlnotes):
    code, _, stderr = dlnotes("tune", *options)
    assert code == ExitCode.USAGE
    assert_one_line(stderr, message)


def test_watch_shows_a_search_that_has_ended(dlnotes, monkeypatch, tmp_path):
    finished.make_search(tmp_path / "search")
    code, stdout, stderr = dlnotes("tune", "--watch", "search")
    assert (code, stderr) == (0, "")
    assert "page: search/watch.html" in stdout
    assert "best val_loss" in stdout and "failed trials: 2" in stdout


@pytest.mark.parametrize(
    ("options", "part", "wanted"),
    [
        ([], "Missing argument 'TASK'", 2),
        (["--watch", "gone"], "Folder gone holds no search", ExitCode.FOLDER),
        (["--watch", "gone", "--resume"], "--watch and --resume are mutually exclusive", 2),
    ],
)
def test_a_wrong_watch_is_one_line(dlnotes, options, part, wanted):
    code, _, stderr = dlnotes("tune", *options)
    assert code == wanted and part in stderr
