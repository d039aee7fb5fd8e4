"""The engine of searches on Ray, where something that stands for Ray runs tasks in this process."""

import json
import logging

import pytest
from keras_tuner.errors import FatalError

pytest.importorskip("fsspec")

from keras_dlnotes import tuning
from keras_dlnotes.common.extras import MissingPackageError
from keras_dlnotes.runs.checkpoints import STATE
from keras_dlnotes.tuning.chief import HEARTBEAT
from keras_dlnotes.tuning.engines import check_engine
from keras_dlnotes.tuning.on_ray import engine
from keras_dlnotes.tuning.ray_cluster import RayCluster
from tests.tuning.on_ray.stand_in import (
    OutOfMemoryError,
    Ray,
    RayError,
    RuntimeEnvSetupError,
    search,
)


@pytest.mark.thorough
@pytest.mark.parametrize("tuner", ["random", "hyperband"])
def test_the_table_is_that_of_processes(tuner, on, table, tmp_path):
    on(Ray())
    chosen = {"tuner": tuner, "epochs": 4, "max_trials": 5}
    found = search(tmp_path / "ray", table, engine="ray", workers=2, **chosen).to_frame()
    local = search(tmp_path / "local", table, **chosen).to_frame()
    columns = [name for name in local.columns if "seconds" not in name]
    assert found[columns].equals(local[columns])
    assert not list((tmp_path / "ray" / "storage").iterdir())


@pytest.mark.thorough
def test_searches_share_a_storage(on, table, tmp_path, monkeypatch):
    on(Ray())
    urls = []
    begin = engine.TrialStorage.begin
    monkeypatch.setattr(
        engine.TrialStorage,
        "begin",
        lambda storage, files: urls.append(storage.url) or begin(storage, files),
    )
    for name in ("one", "two", "one"):
        cluster = RayCluster(storage=str(tmp_path / "shared"))
        search(tmp_path / name, table, engine=cluster, max_trials=1, overwrite=True)
    first, second, again = urls
    assert first == again != second


def test_a_trial_that_runs_gives_a_sign_of_life(on, table, tmp_path):
    on(Ray())
    search(tmp_path, table, engine="ray", workers=2)
    assert list(tmp_path.glob(f"trial_*/{HEARTBEAT}"))


@pytest.mark.thorough
def test_replacing_a_search_removes_what_is_left_in_its_storage(on, table, tmp_path):
    on(Ray())
    search(tmp_path, table, engine="ray")
    (tmp_path / "storage" / "trial_7").mkdir()
    search(tmp_path, table, engine="ray", overwrite=True)
    assert not (tmp_path / "storage" / "trial_7").exists()


def test_a_lost_trial_is_given_to_another_attempt(on, table, tmp_path, caplog):
    on(Ray(losses=2))
    with caplog.at_level(logging.WARNING):
        found = search(tmp_path, table, engine=RayCluster()).to_frame()
    assert set(found["status"]) == {"COMPLETED"}
    assert caplog.text.count("was lost: The machine is gone.") == 2


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("error", "status"), [(RayError, "FAILED"), (OutOfMemoryError, "OUT_OF_MEMORY")]
)
def test_a_trial_that_is_lost_again_and_again_fails(error, status, on, table, tmp_path):
    on(Ray(losses=3, error=error))
    search(tmp_path, table, engine="ray")
    outcome = json.loads((tmp_path / "trial_0" / "ending.json").read_text())
    assert outcome["status"] == status
    assert "lost 3 times without finishing an epoch" in outcome["message"]
    assert json.loads((tmp_path / "trial_1" / "ending.json").read_text())["status"] == "COMPLETED"


def test_a_process_that_cannot_be_prepared_ends_the_search(on, table, tmp_path):
    on(Ray(losses=1, error=RuntimeEnvSetupError))
    with pytest.raises(tuning.SearchError, match="Trial 0 cannot be trained"):
        search(tmp_path, table, engine="ray")


@pytest.mark.thorough
def test_room_that_no_machine_has_is_told(on, table, tmp_path, caplog):
    on(Ray())
    search(tmp_path / "some", table, engine=RayCluster(num_cpus=2), max_trials=1)
    assert "No machine" not in caplog.text
    search(tmp_path / "none", table, engine=RayCluster(num_cpus=3), max_trials=1)
    assert "No machine has num_cpus=3 and num_gpus=0" in caplog.text


def test_an_attempt_starts_from_what_the_last_one_published(on, table, tmp_path, monkeypatch):
    ray, states = Ray(), []
    get, train = ray.get, engine.train

    def lost_at_its_end(reference):
        found = get(reference)
        if len(states) == 1:
            raise RayError("The machine is gone.")
        return found

    def noted(job, attempt):
        files = attempt.snapshots().read()
        states.append([json.loads(files[path])["epoch"] for path in files if path.endswith(STATE)])
        return train(job, attempt)

    ray.get = lost_at_its_end
    on(ray)
    monkeypatch.setattr(engine, "train", noted)
    found = search(tmp_path, table, engine="ray", epochs=3, max_trials=1).to_frame()
    assert states == [[], [3]] and len(found) == 3


def test_an_error_of_a_task_ends_the_search(on, table, tmp_path, monkeypatch):
    on(Ray())

    def fail(*given):
        raise OSError("No space left on device")

    monkeypatch.setattr(engine, "train", fail)
    with pytest.raises(tuning.SearchError, match=r"Trial 0 cannot be trained: .*No space left"):
        search(tmp_path, table, engine="ray")


def test_storage_that_a_machine_does_not_see_is_named(on, table, tmp_path, monkeypatch):
    on(Ray())
    begin = engine.TrialStorage.begin

    def forgotten(storage, files):
        name = begin(storage, files)
        storage.remove()
        return name

    monkeypatch.setattr(engine.TrialStorage, "begin", forgotten)
    with pytest.raises(tuning.SearchError, match="Pass `storage`, which all machines must see"):
        search(tmp_path, table, engine="ray")


def test_a_fatal_error_ends_the_search(on, table, tmp_path, monkeypatch):
    on(Ray())

    def fatal(*given):
        raise FatalError("the data are wrong")

    monkeypatch.setattr("keras_dlnotes.tuning.on_ray.attempt.run_trial", fatal)
    with pytest.raises(tuning.SearchError, match=r"Trial 0 ends the search: .*the data are wrong"):
        search(tmp_path, table, engine="ray")


@pytest.mark.parametrize("engine", ["", "Ray", None, 3, "spark"])
def test_an_engine_that_does_not_exist_is_named(engine):
    with pytest.raises(ValueError, match="`engine` must be 'local', 'ray' or a RayCluster"):
        check_engine(engine, None)


def test_a_chief_does_not_go_with_ray():
    with pytest.raises(ValueError, match="`chief` must be None"):
        check_engine("ray", "node:1")


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setattr("keras_dlnotes.common.extras.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"keras_dlnotes\[ray\]"):
        check_engine("ray", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("address", 3), ("address", ""), ("storage", 3), ("num_cpus", -1), ("num_gpus", "1")],
)
def test_a_bad_setting_is_named(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        RayCluster(**{name: value})
