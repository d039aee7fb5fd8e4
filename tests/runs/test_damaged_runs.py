"""Folders of finished fits whose files are damaged: every file, every field, every kind of it."""

import errno
import json
import os
import shutil
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_dlnotes import tasks
from keras_dlnotes.runs import RunFolderError, fit_resumable, records, run_state
from keras_dlnotes.runs.fit_folder import FitFolder
from keras_dlnotes.runs.records import write_record
from tests import damage

TASK = replace(tasks.get("digits"), variants={})
EPOCHS = 2
STATE = "checkpoints/state.json"
ANEW = {"made": "anew"}
FREE = {
    "run.json": ("settings.epochs", "settings.batch_size", "settings.seed", "settings.data"),
    "metrics.json": ("test_", "data", "seconds", "parameters", "seed", "backend", "baseline"),
    STATE: ("history.", "stopped", "early_stopping.best_epoch"),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(records, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(sys.modules["keras_dlnotes.runs.fit"], "_run", lambda *_, **__: ANEW)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """A finished run of a network of a few weights, with the metrics of a real one."""
    path = tmp_path_factory.mktemp("intact") / "run"
    settings = {
        "task": TASK.name,
        "data": TASK.data,
        "epochs": EPOCHS,
        "batch_size": 8,
        "seed": 0,
        "strategy": "none",
        "backend": keras.backend.backend(),
    }
    inputs = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse", jit_compile=False)
    data = inputs, inputs[:, :1]
    with FitFolder(path, settings) as folder:
        state = fit_resumable(
            model, data, data, folder, epochs=EPOCHS, batch_size=8, seed=0, patience=5, verbose=0
        )
    metrics = {
        "task": TASK.name,
        "data": TASK.data,
        TASK.primary_metric: 0.9,
        "parameters": 3,
        "epochs": EPOCHS,
        "best_epoch": state.early_stopping["best_epoch"] + 1,
        "seconds": 1.5,
        "variants": {},
        "baseline": {"name": "a guess", TASK.primary_metric: 0.1},
        "other_baselines": [{"name": "another guess", TASK.primary_metric: 0.2}],
        "seed": 0,
        "backend": settings["backend"],
        "versions": {"python": "3"},
    }
    write_record(path / "metrics.json", metrics)
    for name in ("model.keras", "report.html"):
        (path / name).write_text("as it was")
    return path, metrics


@pytest.fixture
def run(intact, tmp_path):
    shutil.copytree(intact[0], tmp_path / "run")
    return tmp_path / "run", intact[1]


def answer(path):
    result = tasks.fit(TASK, path, resume=True, quiet=True)
    return result.metrics, result.epochs_before


def damages(name, content):
    yield from damage.texts(content)
    yield from damage.fields(content, has_checksum=True)
    for field, damaged in damage.fields(content, has_checksum=False):
        is_free = field.startswith(FREE[name]) and not field.endswith(("null", "missing", "list"))
        if not is_free and not field.startswith(("other_baselines", "versions")):
            yield f"{field}, no checksum", damaged


@pytest.mark.parametrize("name", ["run.json", STATE])
def test_a_damaged_run_is_named_and_left_alone(name, run):
    folder, metrics = run
    path = folder / name
    cases = damages(name, path.read_bytes())
    intact = metrics, EPOCHS
    assert not damage.faults_of_reading(lambda: answer(folder), intact, path, folder, folder, cases)
    assert answer(folder) == intact


def test_damaged_metrics_are_set_aside_and_made_anew(run):
    folder, metrics = run
    path = folder / "metrics.json"
    content = path.read_bytes()
    faults = {}
    for kind, damaged in damages("metrics.json", content):
        path.write_bytes(damaged)
        found, aside = answer(folder)[0], folder / "metrics.json.corrupt-1"
        if found == ANEW and aside.exists() and aside.read_bytes() == damaged:
            aside.unlink()
        elif found != metrics:
            faults[kind] = found
    assert not faults


@pytest.mark.parametrize("name", ["run.json", "metrics.json", STATE])
@pytest.mark.parametrize("code", damage.FAULTS, ids=errno.errorcode.get)
def test_a_file_that_cannot_be_opened_is_left_alone(name, code, run, monkeypatch):
    folder, metrics = run
    before = damage.contents_of(folder)
    with monkeypatch.context() as patch:
        damage.failing_open(patch, code, folder / name)
        with pytest.raises(RunFolderError, match=os.strerror(code)) as error:
            answer(folder)
    assert error.value.errno == code and str(folder / name) in str(error.value)
    assert damage.contents_of(folder) == before
    assert answer(folder) == (metrics, EPOCHS)


@pytest.mark.parametrize(
    "name", ["run.json", "metrics.json", "model.keras", "report.html", "history.csv", STATE]
)
@pytest.mark.parametrize("option", ["resume", "overwrite"])
def test_a_folder_in_a_file_s_place_is_named(name, option, run):
    folder, _ = run
    if (name, option) == (STATE, "overwrite"):
        return  # it is removed with all else
    path = folder / name
    path.rename(path.with_name("elsewhere"))
    path.mkdir()
    with pytest.raises(RunFolderError, match=f"{path} is a folder, where a file is expected"):
        tasks.fit(TASK, folder, quiet=True, **{option: True})
    assert path.is_dir() and path.with_name("elsewhere").exists()


def test_a_run_without_checksums_is_read(run):
    folder, metrics = run
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text())
        del content["checksum"]
        path.write_text(json.dumps(content))
    assert answer(folder) == (metrics, EPOCHS)


def test_metrics_of_another_run_are_made_anew(run):
    folder, metrics = run
    for values in (
        {"epochs": 7},
        {"task": "spell"},
        {"best_epoch": 9},
        {TASK.primary_metric: None},
    ):
        write_record(folder / "metrics.json", metrics | values)
        assert answer(folder)[0] == ANEW
        assert (folder / "metrics.json.corrupt-1").exists()
        (folder / "metrics.json.corrupt-1").unlink()


def test_seeds_of_another_model_are_told(run):
    folder, _ = run
    path = folder / STATE
    content = json.loads(path.read_text())
    del content["checksum"]
    write_record(path, content | {"random_seeds": []})
    with FitFolder(folder, {}, resume=True) as held:
        assert run_state(held).epoch == EPOCHS
        model = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.5)]
        )
        model.compile("sgd", "mse")
        data = np.ones((8, 2)), np.ones((8, 1))
        with pytest.raises(RunFolderError, match="of another model: it has 0 random seeds, not 1"):
            fit_resumable(model, data, data, held, epochs=3, batch_size=8, seed=0, patience=5)
