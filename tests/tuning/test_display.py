"""The live display of `dlnotes tune`, on a terminal and without one."""

import io
import logging

import pytest

from keras_dlnotes.cli import search_display
from keras_dlnotes.cli.console import PlainConsole
from keras_dlnotes.tuning import Progress
from keras_dlnotes.tuning.folder import COMPLETED, FAILED, TrialOutcome
from keras_dlnotes.tuning.records import TrialRecord

PLACE = f"  File {'/deep' * 40}/model.py"  # wider than the console


def trial(name, status=None, loss=None, epochs=0, **values):
    metrics = {} if loss is None else {"val_loss": loss}
    message = f"{PLACE}\nValueError: too deep" if status == FAILED else None
    outcome = None if status is None else TrialOutcome(status, {}, metrics, message=message)
    return TrialRecord(name, values, outcome, {0: [metrics] * epochs})


TRIALS = [
    trial("0", COMPLETED, 0.5, 3),
    trial("1", FAILED),
    trial("2", epochs=2, **{"tuner/epochs": 9}),
]
PROGRESS = Progress(TRIALS, 20, "val_loss", 0.5, 200.0, [TRIALS[1]], 26)


@pytest.fixture
def shown(monkeypatch):
    def show(is_terminal, is_shown=True):
        text = io.StringIO()
        console = PlainConsole(file=text, force_terminal=is_terminal, width=120, color_system=None)
        monkeypatch.setattr(search_display, "console", console)
        with search_display.SearchDisplay(is_shown) as display:
            display.show(PROGRESS)
            display.show(Progress(TRIALS, 20, "val_loss", 0.5, 200.0, [], 26))
        return text.getvalue(), display

    return show


def test_on_a_terminal(shown):
    text, display = shown(is_terminal=True)
    assert "2/20" in text
    assert "best val_loss 0.5000, 3 min left" in text
    assert "trial 2: epoch 2 of 9" in text
    assert text.count("Trial 1 failed:") == 1 and "ValueError: too deep" in text
    assert display.has_shown_failures


def test_without_a_terminal_it_is_a_line_a_trial(shown):
    # Of the trials that had ended before, only what failed since is told.
    text, _ = shown(is_terminal=False)
    assert text.splitlines() == ["Trial 1 failed:", PLACE, "ValueError: too deep"]


def test_quiet_still_tells_failures(shown):
    text, _ = shown(is_terminal=True, is_shown=False)
    assert "2/20" not in text and "ValueError: too deep" in text


def test_what_the_display_tells_is_not_logged_as_well(caplog):
    outcomes = logging.getLogger("keras_dlnotes.tuning.outcomes")
    with search_display.SearchDisplay(is_shown=False):
        outcomes.warning("Trial 1: FAILED")
    outcomes.warning("Trial 2: FAILED")
    assert caplog.messages == ["Trial 2: FAILED"]
