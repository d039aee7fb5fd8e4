"""Keras's own tests of convolutions, pooling, normalization and recurrence, on our layers.

Each run is a process of its own: Keras's layers as they are, ours in their place, and ours with the
defaults that Keras has. They must come out alike, test by test, but for `differences.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from tests.keras_own.differences import ANSWERED, BY_DEFAULT, WORDED
from tests.keras_own.replacing import KERAS_DEFAULTS, OURS, PLAIN, TWINS

FOLDERS = ("convolutional", "pooling", "normalization", "rnn")
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
both_defaults = pytest.mark.parametrize("which", [OURS, KERAS_DEFAULTS])


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """What came out of each run: a dict by the name of the test."""
    folder = tmp_path_factory.mktemp("keras_own")
    layers = Path(keras.__file__).parent / "src" / "layers"
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-c"]
    command += [Path(__file__).with_name("keras_tests.ini"), *(layers / name for name in FOLDERS)]
    runs = {}
    for number, which in enumerate((PLAIN, OURS, KERAS_DEFAULTS)):
        outcomes = folder / f"{number}.json"
        environment = {"DLNOTES_LAYERS": which, "DLNOTES_OUTCOMES": str(outcomes)}
        process = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
        )
        assert outcomes.exists(), process.stdout[-3000:] + process.stderr[-3000:]
        runs[which] = json.loads(outcomes.read_text())
    return runs


@both_defaults
def test_every_layer_of_ours_was_tested(rows, which):
    assert {name for row in rows[which].values() for name in row["made"]} == set(TWINS)
    assert not any(row["made"] for row in rows[PLAIN].values())


@both_defaults
def test_outcomes_are_those_of_keras(rows, which):
    plain, found = rows[PLAIN], rows[which]
    assert set(found) == set(plain)
    assert sum(row["outcome"] == "passed" for row in plain.values()) > len(plain) / 2
    differing = {
        name: f"{row['outcome']} → {found[name]['outcome']}: {found[name]['message']}"
        for name, row in plain.items()
        if row["outcome"] != found[name]["outcome"]
    }
    meant = BY_DEFAULT if which == OURS else {}
    assert set(differing) == set(meant), json.dumps(differing, indent=1)


@both_defaults
def test_errors_are_those_of_keras_in_our_words(rows, which):
    def noted(kind):
        return {name: row[kind] for name, row in rows[which].items() if row[kind]}

    assert set(noted("worded")) == set(WORDED)
    missing = noted("missing")
    assert set(missing) == set(ANSWERED)
    assert all(pattern.startswith(ANSWERED[name]) for name in missing for pattern in missing[name])
