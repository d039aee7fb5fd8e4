"""Searches from their start to their results."""

import json

import keras
import pandas
import pytest

from keras_dlnotes import tuning
from keras_dlnotes.runs import RunFolderError


@pytest.fixture(scope="module")
def finished(search_table, tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished") / "search"
    return search_table(directory), directory


def test_a_row_for_every_trial_and_epoch(finished):
    results, directory = finished
    frame = results.to_frame()
    assert list(frame.columns[:4]) == ["trial", "status", "execution", "epoch"]
    assert list(frame.columns[-2:]) == ["units", "learning_rate"]
    assert {"loss", "mae", "val_loss", "val_mae"} < set(frame.columns)
    assert frame["trial"].tolist() == ["0", "0", "1", "1", "2", "2"]
    assert frame["epoch"].tolist() == [1, 2] * 3
    assert set(frame["status"]) == {"COMPLETED"}
    stored = pandas.read_csv(directory / "results.csv", dtype={"trial": str})
    pandas.testing.assert_frame_equal(stored, frame, check_dtype=False)


def test_the_first_trial_is_the_default(finished):
    first = finished[0].to_frame().iloc[0]
    assert (first["units"], first["learning_rate"]) == (4, 1e-2)


def test_the_best_model_has_its_trained_weights(finished, table):
    results, _ = finished
    frame = results.to_frame()
    assert results.best_score == frame["val_loss"].min()
    best = frame.loc[frame["val_loss"].idxmin()]
    assert results.best_trial == best["trial"]
    assert dict(results.best_hyperparameters) == {
        name: best[name] for name in ("units", "learning_rate")
    }
    loss, _ = results.best_model().evaluate(*table[1], verbose=0)
    assert loss == pytest.approx(results.best_score, rel=1e-5)


def test_the_same_call_finds_it_finished(finished, search_table):
    results, directory = finished
    before = {path: path.read_bytes() for path in directory.glob("trial_*/*.json")}
    again = search_table(directory)
    assert again.best_score == results.best_score
    assert {path: path.read_bytes() for path in directory.glob("trial_*/*.json")} == before


def test_other_settings_are_refused(finished, search_table):
    with pytest.raises(RunFolderError, match="tuner=random, not tuner=grid"):
        search_table(finished[1], tuner="grid")


def test_another_space_is_refused(finished, search_table):
    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 1, 3))])
        model.add(keras.layers.Dense(1))
        model.compile(loss="mse")
        return model

    with pytest.raises(RunFolderError, match=r"another search space.* units, learning_rate"):
        search_table(finished[1], hypermodel=build)


def test_an_objective_that_nobody_logs(search_table, tmp_path):
    with pytest.raises(ValueError, match=r"one of the metrics.*loss, mae, val_loss, val_mae"):
        search_table(tmp_path / "search", objective="val_accuracy")
    assert not list(tmp_path.glob("search/trial_*"))


def test_a_mistake_in_the_model_is_told_before_the_first_trial(search_table, tmp_path):
    def build(hp):
        raise KeyError(f"no such activation, {hp.Choice('units', [1, 2])} units")

    with pytest.raises(tuning.SearchError, match="KeyError: 'no such activation, 1 units'"):
        search_table(tmp_path / "search", hypermodel=build)


def test_settings_are_recorded(finished):
    settings = json.loads((finished[1] / "search.json").read_text())["settings"]
    assert settings["tuner"] == "random" and settings["objective"] == "val_loss"
    assert [entry["config"]["name"] for entry in settings["space"]["space"]] == [
        "units",
        "learning_rate",
    ]
