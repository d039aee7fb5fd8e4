"""Trials on Ray are pruned as those of processes are: attempts read the curves on the storage."""

import keras
import pytest

pytest.importorskip("fsspec")

from keras_dlnotes import tuning
from keras_dlnotes.tuning.on_ray import curves
from tests.tuning.on_ray.stand_in import Ray, search


def by_rate(hp):
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
    rate = hp.Choice("rate", [0.01, 0.1, 0.001, 0.2, 0.03, 0.002])
    model.compile(keras.optimizers.SGD(rate), loss="mse")
    return model


@pytest.mark.thorough
@pytest.mark.parametrize("pruning", ["halving", tuning.MedianPruning(2)])
def test_trials_are_pruned_as_those_of_processes(pruning, on, table, tmp_path):
    on(Ray())
    chosen = {"tuner": "grid", "build": by_rate, "epochs": 4, "max_trials": 6, "pruning": pruning}
    found = search(tmp_path / "ray", table, engine="ray", **chosen).to_frame()
    local = search(tmp_path / "local", table, **chosen).to_frame()
    assert set(local["status"]) == {"COMPLETED", "PRUNED"}
    columns = [name for name in local.columns if "seconds" not in name]
    assert found[columns].equals(local[columns])
    assert not list((tmp_path / "ray" / "storage").iterdir())


def test_storage_that_cannot_be_read_prunes_nothing(on, table, tmp_path, monkeypatch, caplog):
    on(Ray())
    monkeypatch.setattr(curves, "CURVES", "nowhere")
    monkeypatch.setattr(curves.PublishedCurves, "publish", lambda *given: None)
    chosen = {"build": by_rate, "epochs": 4, "max_trials": 3, "pruning": "halving"}
    found = search(tmp_path, table, engine="ray", **chosen).to_frame()
    assert set(found["status"]) == {"COMPLETED"} and len(found) == 3 * 4
    assert "The curves of the other trials can't be read." in caplog.text
