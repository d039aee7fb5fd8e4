"""Folders of searches whose files are damaged: every file, every field, every kind of damage.

A reader gives the full answer or a sentence that names the file, and writes nothing. The search
that goes on in the folder sets the file aside, keeps all others, and makes anew what it can.
"""

import errno
import json
import os
import shutil

import keras_tuner
import pytest
from keras_tuner.engine.trial import Trial

from keras_dlnotes.training import RunFolderError, records
from keras_dlnotes.training.checkpoints import Checkpoints
from keras_dlnotes.training.records import UnreadableRecordError, write_record
from keras_dlnotes.tuning import Results
from keras_dlnotes.tuning.folder import SearchFolder
from keras_dlnotes.tuning.oracles import ORACLES
from keras_dlnotes.tuning.records import Records, read_or_warn
from keras_dlnotes.tuning.supervisor import is_exhausted
from tests import damage
from tests.tuning import finished

STATE = "trial_0/execution_0/checkpoints/state.json"
READ = ["search.json", "trial_0/ending.json", "trial_2/ending.json", STATE]
OWNED = ["search.json", "oracle.json", "trial_0/trial.json", "trial_0/ending.json", STATE]
# Without a checksum nobody can tell that these are not what was measured or chosen.
FREE = {
    "search.json": ("settings.objective", "settings.seed"),
    "oracle.json": ("end_order", "run_times", "seed", "tried", "id_to_hash", "exhausted"),
    "trial_0/trial.json": ("message", "metrics.metrics.loss", "metrics.metrics.val_loss", "status"),
    "trial_0/ending.json": ("metrics.", "message"),
    "trial_2/ending.json": ("message",),
    STATE: ("history.", "early_stopping.best null"),
}
FREE_IN_SPACE = ("default", "ordered", "values.0", "values twice", ".value ", "values.steps")


def may_say(name, field):
    """Tells whether a record without a checksum may well say this."""
    is_of_space = "hyperparameters" in field or "settings.space" in field
    return field.startswith(FREE[name]) or (
        is_of_space and any(part in f"{field} " for part in FREE_IN_SPACE)
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(records, "PATIENCE_SECONDS", 0.0)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact") / "search"
    finished.make_search(folder)
    return folder, finished.answer(folder), finished.go_on(folder)


@pytest.fixture
def search(intact, tmp_path):
    """A copy of the folder, and what is told of it."""
    folder = tmp_path / "search"
    shutil.copytree(intact[0], folder)
    return folder, *intact[1:]


def damages(name, content):
    yield from damage.texts(content)
    yield from list(damage.fields(content, has_checksum=True))[::11]
    for field, damaged in damage.fields(content, has_checksum=False):
        if not may_say(name, field):
            yield f"{field}, no checksum", damaged


@pytest.mark.parametrize("name", READ)
def test_a_reader_is_told_and_changes_nothing(name, search):
    folder, answer, _ = search
    path = folder / name
    content = path.read_bytes()
    faults = {}
    for kind, damaged in damages(name, content):
        path.write_bytes(damaged)
        before = damage.state_of(folder)
        fault = damage.fault_of(lambda: finished.answer(folder), path, answer)
        if damage.state_of(folder) != before:
            fault = "the folder has changed"
        if fault is not None:
            faults[kind] = fault
    assert not faults
    path.write_bytes(content)
    assert finished.answer(folder) == answer


@pytest.mark.parametrize("name", OWNED)
@pytest.mark.parametrize(
    "number", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, 9))]
)
def test_a_search_that_goes_on_sets_it_aside_and_keeps_the_rest(name, number, search):
    folder, answer, state = search
    path = folder / name
    files = damage.contents_of(folder)
    records_of = {key: content for key, content in files.items() if key.endswith(".json")}
    faults = {}
    cases = list(damages(name, files[name]))
    for kind, damaged in cases[number::9]:
        path.write_bytes(damaged)
        fault = damage.fault_of(lambda: finished.go_on(folder), folder, state)
        after = damage.contents_of(folder)
        if fault is None and damaged not in (after.get(name), after.get(f"{name}.corrupt-1")):
            fault = "the corrupt file is lost"
        changed = [
            key
            for key, content in files.items()
            if after.get(key) != content and key != name and not key.startswith("oracle")
        ]
        if changed:
            fault = f"changed: {changed}"
        if fault is None and name != STATE:
            fault = damage.fault_of(lambda: finished.answer(folder), path, answer)
        if fault is not None:
            faults[kind] = fault
        for key in after.keys() - files.keys():
            (folder / key).unlink()
        for key, content in records_of.items():
            (folder / key).write_bytes(content)
    assert not faults and len(cases) > 100


@pytest.mark.parametrize("tuner", ["hyperband", "bayesian", "grid"])
def test_every_tuner_s_state_is_checked(tuner, tmp_path):
    folder = tmp_path / "search"
    finished.make_search(folder, tuner, is_trained=False)
    state = finished.go_on(folder, tuner)
    path = folder / "oracle.json"
    content = path.read_bytes()
    own = {
        "hyperband": ("hyperband_", "max_", "min_", "factor", "brackets", "current_"),
        "bayesian": ("num_", "alpha", "beta"),
        "grid": ("ordered_ids", "populate_next"),
    }[tuner]
    faults = {}
    cases = damage.fields(content, has_checksum=False)
    cases = [(field, damaged) for field, damaged in cases if field.startswith(own)]
    for field, damaged in cases[::4]:
        for name in (path, path.with_name("oracle-spare.json")):
            name.write_bytes(damaged)
        fault = damage.fault_of(lambda: finished.go_on(folder, tuner), path, state)
        if fault is not None:
            faults[field] = fault
        for corrupt in folder.glob("*.corrupt-*"):
            corrupt.unlink()
    assert not faults and len(cases) > 20


@pytest.mark.parametrize("name", [*OWNED, "trial_0/execution_0/checkpoints/epoch-2.weights.h5"])
@pytest.mark.parametrize("code", damage.FAULTS, ids=errno.errorcode.get)
def test_a_file_that_cannot_be_opened_is_left_alone(name, code, search, monkeypatch):
    folder, answer, state = search
    path = folder / name
    before = damage.state_of(folder)
    with monkeypatch.context() as patch:
        damage.failing_open(patch, code, path)
        told = []
        for read in (finished.go_on, finished.answer):
            try:
                read(folder)
            except UnreadableRecordError as error:
                assert str(path) in str(error) and error.errno == code
                told.append(read)
        assert told or name.endswith("h5")
    assert (
        damage.state_of(folder).items()
        >= {key: value for key, value in before.items() if "oracle" not in key}.items()
    )
    assert not list(folder.rglob("*.corrupt-*"))
    assert (finished.go_on(folder), finished.answer(folder)) == (state, answer)


@pytest.mark.parametrize("name", OWNED)
def test_a_folder_in_a_file_s_place_is_named(name, search):
    folder, _, _ = search
    path = folder / name
    path.rename(path.with_name("elsewhere"))
    path.mkdir()
    with pytest.raises(RunFolderError, match=f"{path} is a folder, where a file is expected"):
        finished.go_on(folder)
    if name in READ:
        with pytest.raises(RunFolderError, match=f"{path} is a folder, where a file is expected"):
            finished.answer(folder)
    assert path.is_dir() and not list(folder.rglob("*.corrupt-*"))


def changed(path, **values):
    """Gives a record other values, and the checksum that it then has."""
    content = json.loads(path.read_text())
    del content["checksum"]
    write_record(path, content | values)


def test_an_ending_that_is_lost_comes_back_from_the_trial(search):
    folder, answer, state = search
    for trial, status in (("trial_0", "COMPLETED"), ("trial_2", "FAILED")):
        path = folder / trial / "ending.json"
        before = json.loads(path.read_text())
        path.unlink()
        assert [one.status for one in Records(folder, "val_loss").read()].count("RUNNING") == 1
        assert finished.go_on(folder) == state
        after = json.loads(path.read_text())
        assert after["status"] == status and after["metrics"] == before["metrics"]
    assert finished.answer(folder) == answer


@pytest.mark.parametrize(
    "name, values, fault",
    [
        ("trial_0/ending.json", {"metrics": {"loss": 1.0}}, "COMPLETED, but `metrics` lacks val_l"),
        ("trial_0/ending.json", {"step": 2}, "`step` is 2, but the trial has 2 epochs"),
        ("trial_2/ending.json", {"message": None}, "it is FAILED, but has no `message`"),
        (STATE, {"history": []}, "`epoch` is 2, but `history` has 0 rows"),
        (STATE, {"epoch": 0}, "`epoch` is 0, but `history` has 2 rows"),
        (STATE, {"epoch": 0, "history": []}, "`epoch` is 0, but `history` has 0 rows"),
    ],
)
def test_a_record_that_contradicts_itself_is_corrupt(name, values, fault, search):
    folder, _, _ = search
    changed(folder / name, **values)
    with pytest.raises(RunFolderError, match=fault) as error:
        Results(folder)
    assert str(folder / name) in str(error.value)


def test_another_trial_s_file_is_not_this_one_s(search, caplog):
    folder, answer, state = search
    shutil.copy(folder / "trial_1" / "trial.json", folder / "trial_0" / "trial.json")
    assert finished.go_on(folder) == state
    assert "`trial_id` is 1, but the trial is 0" in caplog.text
    assert finished.answer(folder) == answer


def test_a_state_that_does_not_know_a_trial_with_results_loses_none(search, caplog):
    folder, answer, state = search
    for name in ("oracle.json", "oracle-spare.json"):
        content = json.loads((folder / name).read_text())
        del content["checksum"]
        content |= {"start_order": [], "end_order": [], "run_times": {}, "id_to_hash": {}}
        (folder / name).write_text(json.dumps(content))
    assert finished.go_on(folder) == state
    assert "`start_order` lacks trial 0, 1, 2, whose folder has results" in caplog.text
    assert finished.answer(folder) == answer


def test_a_trial_whose_folder_is_gone_is_told_and_counts_as_failed(search, caplog):
    folder, _, _ = search
    shutil.rmtree(folder / "trial_1")
    finished.go_on(folder)
    assert "Nothing tells what trial 1 was; it counts as failed." in caplog.text
    assert Results(folder).failures.keys() == {"1", "2"}


def test_weights_of_another_trial_are_refused(search):
    folder, _, _ = search
    weights = "checkpoints/epoch-2.weights.h5"
    shutil.copy(folder / "trial_1/execution_1" / weights, folder / "trial_0/execution_0" / weights)
    checkpoints = Checkpoints(folder / "trial_0" / "execution_0" / "checkpoints")
    model = finished.recipe().build(Results(folder).best_hyperparameters, None)
    with pytest.raises(RunFolderError, match=r"missing or corrupt: state\.json names another ch"):
        checkpoints.restore_best(model, checkpoints.read())


def test_a_search_that_is_watched_goes_on_beside_a_corrupt_trial(search, caplog):
    folder, _, _ = search
    watched = Records(folder, "val_loss", read_or_warn)
    (folder / STATE).write_text("{")
    (folder / "trial_1" / "ending.json").write_text("[]")
    before = damage.state_of(folder)
    found = {trial.name: trial for trial in watched.read()}
    assert found == {trial.name: trial for trial in watched.read()}
    assert found["0"].histories.keys() == {1} and found["1"].status == "RUNNING"
    assert len(caplog.records) == 2  # once for each file, however often it is looked at
    assert damage.state_of(folder) == before


def test_keras_tuner_reads_the_files_itself(search):
    folder, _, state = search
    for number in range(3):
        trial = Trial.load(str(folder / f"trial_{number}" / "trial.json"))
        assert json.loads(json.dumps(trial.get_state())) == state[0][number]
    oracle = keras_tuner.oracles.RandomSearchOracle(finished.OBJECTIVE, max_trials=3)
    oracle._set_project_dir(str(folder.parent), folder.name)
    oracle.reload()
    assert sorted(oracle.end_order) == ["0", "1", "2"] and len(oracle.trials) == 3


def test_what_is_left_of_a_search_is_read_without_checksums(search):
    folder, answer, state = search
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text())
        del content["checksum"]
        path.write_text(json.dumps(content, indent=2))
    assert finished.answer(folder) == answer
    assert finished.go_on(folder) == state and is_exhausted(folder) is False
    assert not list(folder.rglob("*.corrupt-*"))


@pytest.mark.parametrize("version", ["keras_dlnotes search 2", "keras_dlnotes run 1"])
def test_settings_of_another_kind_or_version_are_refused_and_left_alone(version, search):
    folder, _, _ = search
    changed(folder / "search.json", format=version)
    before = (folder / "search.json").read_bytes()
    with (
        pytest.raises(RunFolderError, match=rf"its format is '{version}'"),
        SearchFolder(folder, finished.settings(), resume=True),
    ):
        pass
    assert (folder / "search.json").read_bytes() == before


def test_every_tuner_has_the_shape_of_its_state():
    assert {kind.record.__name__ for kind in ORACLES.values()} == {
        "OracleState",
        "HyperbandState",
        "BayesianState",
        "GridState",
    }


@pytest.mark.slow
def test_a_finished_search_of_damaged_files_is_whole_after_the_same_call(search_table, tmp_path):
    folder = tmp_path / "search"
    before = search_table(folder, max_trials=2)
    for path in (folder / "trial_0/ending.json", folder / "trial_1/trial.json"):
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RunFolderError, match=r"trial_0/ending\.json is corrupt"):
        Results(folder)
    after = search_table(folder, max_trials=2)
    assert after.to_frame().equals(before.to_frame()) and after.best_trial == before.best_trial
    (folder / "search.json").write_text("{}")
    assert search_table(folder, max_trials=2).to_frame().equals(before.to_frame())
    assert len(list(folder.rglob("*.corrupt-1"))) == 3
