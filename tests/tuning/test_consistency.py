"""Records of a search that contradict themselves or one another, and those of other versions."""

import json
import shutil

import keras_tuner
import pytest
from keras_tuner.engine.trial import Trial

from keras_dlnotes.runs import RunFolderError
from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.runs.records import write_record
from keras_dlnotes.tuning import Results
from keras_dlnotes.tuning.folder import SearchFolder
from keras_dlnotes.tuning.oracles import ORACLES
from keras_dlnotes.tuning.records import Records, read_or_warn
from keras_dlnotes.tuning.supervisor import is_exhausted
from tests import damage
from tests.tuning import finished

pytestmark = pytest.mark.usefixtures("quick")

STATE = "trial_0/execution_0/checkpoints/state.json"


def changed(path, **values):
    """Gives a record other values, and the checksum that it then has."""
    content = json.loads(path.read_text())
    del content["checksum"]
    write_record(path, content | values)


@pytest.mark.thorough
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
    assert "All files of trial 1 are lost; it counts as failed." in caplog.text
    assert Results(folder).failures.keys() == {"1", "2"}


def test_weights_of_another_trial_are_refused(search):
    folder, _, _ = search
    weights = "checkpoints/epoch-2.weights.h5"
    shutil.copy(folder / "trial_1/execution_1" / weights, folder / "trial_0/execution_0" / weights)
    checkpoints = Checkpoints(folder / "trial_0" / "execution_0" / "checkpoints")
    recipe = finished.recipe()
    model = recipe.build(Results(folder).best_hyperparameters, recipe.load())
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
