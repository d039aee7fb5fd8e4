"""Pruned trials: killed at any moment, with several executions, a `fit` of one's own, on a page."""

import json
import shutil

import keras
import keras_tuner
import pytest

from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.tuning import HalvingPruning, MedianPruning, Results
from keras_dlnotes.tuning.folder import write_outcome
from keras_dlnotes.tuning.pruner import MARK, Pruner, curves_in
from tests.tuning import finished
from tests.tuning.custom_fits import LOSS, RATES, Line, ReturnsHistory, recipe_of, run
from tests.tuning.test_data import Killed, KillsIt

SLOW, FAST = {"rate": RATES[0]}, {"rate": RATES[1]}
RULE = MedianPruning(startup_trials=1, warmup_epochs=2)
EPOCHS = 5


def train(kind, values, folder, number, callbacks=(), **settings):
    recipe = recipe_of(kind(), epochs=EPOCHS, callbacks=list(callbacks))
    return run(recipe, values, folder, LOSS, number, pruning=RULE, **settings)


def history_of(folder, number, execution=0):
    path = folder / f"trial_{number}" / f"execution_{execution}" / "checkpoints"
    return Checkpoints(path).read().history


@pytest.mark.sampled
@pytest.mark.parametrize("kind", [Line, ReturnsHistory])
def test_the_worse_trial_ends_and_the_better_one_does_not(kind, tmp_path):
    first = train(kind, SLOW, tmp_path, 0)
    second = train(kind, FAST, tmp_path, 1)
    third = train(kind, SLOW, tmp_path, 2)  # the median of both is better
    assert [one.pruned for one in (first, second, third)] == [False, False, True]
    assert [len(history_of(tmp_path, number)) for number in range(3)] == [EPOCHS, EPOCHS, 2]
    assert third.status == "COMPLETED"
    assert third.metrics["val_loss"] == min(row["val_loss"] for row in history_of(tmp_path, 2))
    assert third.message.startswith("Pruned after epoch 2: its best val_loss, ")


@pytest.mark.sampled
@pytest.mark.parametrize("kind", [Line, ReturnsHistory])
@pytest.mark.parametrize("moment", ["before the epoch is saved", "after it"])
def test_what_was_pruned_stays_so(kind, moment, tmp_path, monkeypatch):
    train(kind, FAST, tmp_path / "alone", 0)
    shutil.copytree(tmp_path / "alone", tmp_path / "killed")
    alone = train(kind, SLOW, tmp_path / "alone", 1)
    mark = tmp_path / "killed" / "trial_1" / "execution_0" / MARK
    save = Checkpoints.save

    def killed(checkpoints, *arguments):
        if mark.exists() and moment == "before the epoch is saved":
            raise Killed
        save(checkpoints, *arguments)
        if mark.exists():
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Checkpoints, "save", killed)
        train(kind, SLOW, tmp_path / "killed", 1)
    shutil.rmtree(tmp_path / "killed" / "trial_0")  # now nothing would prune it
    resumed = train(kind, SLOW, tmp_path / "killed", 1)
    assert alone.pruned and resumed.pruned and resumed.message == alone.message
    assert history_of(tmp_path / "killed", 1) == history_of(tmp_path / "alone", 1)
    assert len(history_of(tmp_path / "killed", 1)) == 2


@pytest.mark.parametrize("kind", [Line, ReturnsHistory])
def test_a_killed_trial_is_pruned_after_the_epoch_after_which_it_would_have_been(kind, tmp_path):
    train(kind, FAST, tmp_path, 0)
    with pytest.raises(Killed):
        train(kind, SLOW, tmp_path, 1, [KillsIt(1)])
    assert train(kind, SLOW, tmp_path, 1, [KillsIt(9)]).pruned
    assert len(history_of(tmp_path, 1)) == 2


def test_the_last_epoch_prunes_nothing(tmp_path):
    train(Line, FAST, tmp_path, 0)
    rule = HalvingPruning(2, min_epochs=EPOCHS)
    recipe = recipe_of(Line(), epochs=EPOCHS)
    assert not run(recipe, SLOW, tmp_path, LOSS, 1, pruning=rule).pruned


def test_a_callback_that_ends_the_trial_first_does_not_prune_it(tmp_path):
    train(Line, FAST, tmp_path, 0)
    found = train(Line, SLOW, tmp_path, 1, [Ends()])
    assert not found.pruned and len(history_of(tmp_path, 1)) == 2


class Ends(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


def test_executions_are_compared_one_by_one_and_the_pruned_one_is_the_last(tmp_path):
    train(Line, FAST, tmp_path, 0, executions=2)
    found = train(Line, SLOW, tmp_path, 1, executions=2)
    assert found.pruned
    assert not (tmp_path / "trial_1" / "execution_1").exists()
    shutil.rmtree(tmp_path / "trial_0" / "execution_0" / "checkpoints")
    found = train(Line, SLOW, tmp_path, 2, executions=2)
    assert found.pruned  # in its second execution, since the first one of trial 0 is lost
    lengths = [len(history_of(tmp_path, 2, execution)) for execution in (0, 1)]
    assert lengths == [EPOCHS, 2]


def curves(folder):
    return {curve.trial: curve for curve in curves_in(folder, "val_loss")()}


def test_whose_epochs_count(tmp_path):
    """Trial 0 is pruned, 1 ends early, 2 fails, 3 runs."""
    for number, length in enumerate((2, 3, 3, 4)):
        with pytest.raises(Killed):
            train(Line, FAST, tmp_path, number, [KillsIt(length)])
    recipe = recipe_of(Line())
    hp = recipe_hp(recipe)
    outcome = finished.TrialOutcome("COMPLETED", hp, {"val_loss": 0.5}, pruned=True)
    write_outcome(tmp_path, "0", outcome)
    write_outcome(tmp_path, "1", finished.TrialOutcome("COMPLETED", hp, {"val_loss": 0.5}))
    write_outcome(tmp_path, "2", finished.TrialOutcome("FAILED", hp, message="no"))
    found = curves(tmp_path)
    assert {name: len(curve.values) for name, curve in found.items()} == {"0": 2, "1": 3, "3": 4}
    assert {name: curve.is_final for name, curve in found.items()} == {
        "0": False,
        "1": True,
        "3": False,
    }

    class Noted:
        name = "noted"

        def threshold(self, others, epochs):
            counts.append(len(others))

    counts = []
    path = tmp_path / "trial_4" / "execution_0"
    pruner = Pruner(Noted(), LOSS, curves_in(tmp_path, "val_loss"), path)
    pruner.begin([{"val_loss": 1.0}])
    for _ in range(4):
        pruner.ends_after({"val_loss": 1.0}, 10)
    assert counts == [3, 2, 2, 1]  # after 2 to 5 epochs


def recipe_hp(recipe):
    hp = keras_tuner.HyperParameters()
    recipe.declare(hp)
    return hp.get_config()


def test_a_folder_of_a_version_without_pruning_is_read(search):
    folder, told, _ = search
    for path in folder.glob("trial_*/ending.json"):
        content = json.loads(path.read_text())
        assert content.pop("pruned") is False
        content.pop("checksum")
        path.write_text(json.dumps(content))
    assert finished.answer(folder) == told
    assert Results(folder).pruned == {}


def test_a_lost_outcome_stays_pruned(search):
    folder, *_ = search
    path = folder / "trial_0" / "ending.json"
    for file in (path, path.with_name("trial.json")):
        content = json.loads(file.read_text())
        content.pop("checksum")
        content["message"] = "Pruned after epoch 1: …"
        if file == path:
            content["pruned"] = True
        file.write_text(json.dumps(content))
    assert set(Results(folder).pruned) == {"0"}
    path.unlink()
    finished.go_on(folder)
    assert Results(folder).pruned == {"0": "Pruned after epoch 1: …"}


def test_a_page_names_the_pruned_trials(search, tmp_path):
    folder, *_ = search
    path = folder / "trial_0" / "ending.json"
    content = json.loads(path.read_text())
    content.pop("checksum")
    path.write_text(json.dumps(content | {"pruned": True, "message": "Pruned after epoch 1: …"}))
    results = Results(folder)
    results.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "PRUNED" in page and "A pruned trial was complete" in page
    assert "1 of 3 trials were pruned." in page
    assert list(results.to_frame().groupby("trial")["status"].first()) == [
        "PRUNED",
        "COMPLETED",
        "FAILED",
    ]
    statuses = [trial["status"] for trial in json.loads(results.to_json())["trials"]]
    assert statuses == ["PRUNED", "COMPLETED", "FAILED"]
