"""Run folders and search folders of the last version are read and resumed."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from docs.collect_runs import entry
from keras_dlnotes import tasks, tuning
from keras_dlnotes.runs import RunFolderError
from keras_dlnotes.runs.fit_folder import FitFolder
from keras_dlnotes.tuning.arguments import make_recipe
from tests.backends import only_on
from tests.tasks.short_forms import in_short

DATA = Path(__file__).parent / "data_of_last_version"
TASK = replace(in_short(tasks.get("sunspots")), pictures=lambda outcome: ())
SETTINGS = {"task": "sunspots", "seed": 0}
TABLE = np.random.default_rng(0).normal(size=(128, 4)).astype("float32")

pytestmark = only_on("tensorflow", reason="the folders were written there")


def build(hp):
    model = keras.Sequential([keras.Input((4,))])
    model.add(keras.layers.Dense(hp.Choice("units", [2, 4, 8], default=4), activation="tanh"))
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.01), loss="mse", jit_compile=False)
    return model


def space(hp):
    return {"units": hp.Choice("units", [2, 4], default=4)}


@pytest.fixture
def folder(request, tmp_path):
    return shutil.copytree(DATA / request.param, tmp_path / "copy")


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder): path.read_bytes() for path in files}


def rows(path):
    return list(csv.reader(path.open()))


@pytest.mark.parametrize("folder", ["runs/finished"], indirect=True)
def test_a_finished_run_is_read(folder):
    result = tasks.fit(TASK, folder, resume=True, quiet=True)
    assert result.already_finished and result.epochs_before == 2
    assert result.metrics["variants"].keys() == TASK.variants.keys()
    model = keras.models.load_model(folder / "model.keras")
    scores = TASK.score(model, TASK.prepare(TASK.data))
    assert scores["test_mae"] == pytest.approx(result.metrics["test_mae"])


@pytest.mark.thorough
@pytest.mark.parametrize("folder", ["runs/finished", "runs/interrupted"], indirect=True)
def test_a_run_is_resumed(folder):
    before = {path.name: rows(path / "history.csv") for path in [folder, *folder.glob("rivals/*")]}
    result = tasks.fit(TASK, folder, epochs=3, resume=True, quiet=True)
    assert not result.already_finished and result.epochs_before == 2
    networks = result.metrics, *result.metrics["variants"].values()
    assert [network["epochs"] for network in networks] == [3, 3, 3]
    after = {path.name: rows(path / "history.csv") for path in [folder, *folder.glob("variants/*")]}
    assert all(after[name][:3] == epochs for name, epochs in before.items())
    assert [len(epochs) for epochs in after.values()] == [4, 4, 4]
    assert result.report.stat().st_size > 10_000


@pytest.mark.parametrize("folder", ["runs/finished"], indirect=True)
@pytest.mark.parametrize("option", ["resume", "overwrite"])
def test_an_earlier_folder_of_variants_replaces_none_of_today(folder, option):
    before = contents(folder / "rivals")
    shutil.copytree(folder / "rivals" / "1", folder / "variants" / "0")
    with FitFolder(folder, SETTINGS, **{option: True}):
        assert contents(folder / "rivals") == before
        assert (folder / "variants" / "0").exists() == (option == "resume")
        assert not (folder / "variants" / "1").exists()


@pytest.mark.parametrize("folder", ["runs/finished"], indirect=True)
def test_an_earlier_folder_of_variants_is_overwritten_with_its_run(folder):
    with FitFolder(folder, SETTINGS, overwrite=True):
        assert not (folder / "rivals").exists() and not (folder / "variants").exists()


@pytest.mark.parametrize("folder", ["runs/finished"], indirect=True)
@pytest.mark.parametrize("option", ["resume", "overwrite"])
def test_a_folder_that_holds_no_variants_keeps_its_name(folder, option):
    (folder / "rivals").rename(folder / "elsewhere")
    (folder / "rivals").mkdir()
    (folder / "rivals" / "notes.txt").write_text("mine")
    with FitFolder(folder, SETTINGS, **{option: True}):
        assert (folder / "rivals" / "notes.txt").read_text() == "mine"
        assert not (folder / "variants").exists()


@pytest.mark.parametrize("folder", ["runs/finished"], indirect=True)
def test_a_refused_folder_is_left_alone(folder):
    before = contents(folder)
    with pytest.raises(RunFolderError, match="not seed=1"):
        FitFolder(folder, SETTINGS | {"seed": 1}, resume=True).__enter__()
    assert contents(folder) == before


@pytest.mark.parametrize("folder", ["runs/finished"], indirect=True)
def test_the_gallery_reads_an_earlier_run(folder):
    methods = entry(TASK, folder, picture={})["methods"]
    assert [method["method"] for method in methods if "seconds" in method][1:] == [*TASK.variants]


@pytest.mark.parametrize("folder", ["searches/finished"], indirect=True)
def test_a_finished_search_is_read(folder, tmp_path):
    results = tuning.Results(folder, make_recipe(TASK, space=space, epochs=2))
    assert len(results.to_frame()) == 4 and not results.failures
    splits = TASK.prepare(TASK.data)
    inputs, targets, weights = splits.validation
    score = results.best_model().evaluate(inputs, targets, sample_weight=weights, verbose=0)
    assert score == pytest.approx(results.best_score, rel=1e-4)
    results.to_html(tmp_path / "page.html")
    assert "Learning curves" in (tmp_path / "page.html").read_text()


@pytest.mark.thorough
@pytest.mark.parametrize("folder", ["searches/interrupted"], indirect=True)
def test_an_interrupted_search_goes_on(folder):
    kept = folder / "trial_0" / "ending.json"
    before = kept.read_bytes(), rows(folder / "trial_1" / "execution_0" / "history.csv")
    data = TABLE, TABLE.sum(axis=1, keepdims=True)
    results = tuning.search(
        build, "random", 3, training=data, validation=data, epochs=3, batch_size=1, directory=folder
    )
    assert results.to_frame()["trial"].tolist() == [name for name in "012" for _ in range(3)]
    assert before[0] == kept.read_bytes()
    assert before[1] == rows(folder / "trial_1" / "execution_0" / "history.csv")[:2]
