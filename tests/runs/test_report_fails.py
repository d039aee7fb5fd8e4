"""A report that fails costs the report, never what it reports on."""

import errno
import json
import logging
import sys
from dataclasses import replace
from unittest.mock import Mock

import keras
import matplotlib
import pytest

from keras_dlnotes.cli import tune
from keras_dlnotes.runs import RunFolderError
from keras_dlnotes.runs.task import Passages
from tests.runs.test_fit import QUICK, fit


def failing(outcome):
    raise RuntimeError("no\npicture")


@pytest.mark.thorough
def test_a_report_that_fails_is_logged_and_made_up_for(tmp_path, caplog, monkeypatch):
    result = fit(tmp_path, replace(QUICK, pictures=failing), epochs=1)
    [record] = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "report could not be written: RuntimeError: no picture." in record.message
    assert "--resume" in record.message and "\n" not in record.message
    assert not result.already_finished and not result.report.exists()
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written | result.metrics == written
    assert keras.saving.load_model(tmp_path / "model.keras").count_params()

    epochs = []
    monkeypatch.setattr(keras.callbacks.CallbackList, "on_epoch_begin", epochs.append)
    with matplotlib.rc_context({"text.usetex": True, "font.family": "no such font"}):
        again = fit(tmp_path, QUICK, epochs=1, resume=True)
    assert again.report.is_file() and not epochs
    assert again.metrics["test_accuracy"] == result.metrics["test_accuracy"]

    again.report.unlink()
    before = (tmp_path / "model.keras").read_bytes()
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "model.keras"))
    module = sys.modules["keras_dlnotes.runs.fit"]
    monkeypatch.setattr(module, "write_bytes", Mock(side_effect=full))
    with pytest.raises(RunFolderError, match=r"model\.keras: No space left on device"):
        fit(tmp_path, QUICK, epochs=1, resume=True)
    assert (tmp_path / "model.keras").read_bytes() == before
    assert (tmp_path / "metrics.json").exists()


class Found:
    """Results of a search whose page can't be made."""

    best_hyperparameters = {"units": 3}  # noqa: RUF012
    objective, best_score, best_trial, failures = "val_loss", 0.25, "0", ()
    remarks = ()

    def to_html(self, path):
        raise RuntimeError("no page")


def test_a_search_prints_its_results_where_its_page_fails(tmp_path, caplog, capsys):
    tune._print_results(Found(), tmp_path)
    assert capsys.readouterr().out == "best val_loss 0.2500 in trial 0: units=3\n"
    assert "report could not be written: RuntimeError: no page." in caplog.text


@pytest.mark.thorough
def test_texts_are_pictures_too(tmp_path):
    passages = Passages("What it wrote", {"greedy": "to be"}, "Passages.")
    result = fit(tmp_path, replace(QUICK, pictures=lambda outcome: [passages]), epochs=1)
    assert "to be" in result.report.read_text(encoding="utf-8")
