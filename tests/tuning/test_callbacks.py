"""The user's callbacks: copied for each execution, with files of their own, and resumed."""

import csv

import keras
import numpy as np
import pytest

from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.tuning.callbacks import copied_callbacks, pickled_callbacks, scratch_callbacks
from tests.tuning.custom_fits import LOSS, RATES, Line, ReturnsHistory, recipe_of, run
from tests.tuning.test_data import Killed, KillsIt

SLOW = {"rate": RATES[0]}


class Notes(keras.callbacks.Callback):
    """Counts its epochs, and logs the count as a metric."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        logs["count"] = float(self.count)


def history_of(folder):
    return Checkpoints(folder / "trial_0" / "execution_0" / "checkpoints").read().history


@pytest.mark.parametrize("kind", [Line, ReturnsHistory])
def test_a_callback_of_a_killed_trial_goes_on(kind, tmp_path):
    notes = Notes()
    with pytest.raises(Killed):
        run(recipe_of(kind(), epochs=4, callbacks=[notes, KillsIt(2)]), SLOW, tmp_path, LOSS)
    assert notes.count == 0  # a copy has counted
    run(recipe_of(kind(), epochs=4, callbacks=[notes, KillsIt(9)]), SLOW, tmp_path, LOSS)
    assert [row["count"] for row in history_of(tmp_path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", [Line, ReturnsHistory])
def test_ones_own_early_stopping_has_the_patience_that_is_left(kind, tmp_path):
    def stopping():
        return keras.callbacks.EarlyStopping("mae", mode="max", patience=2)  # it only falls

    def callbacks(epoch):
        return [stopping(), KillsIt(epoch)]

    for epoch in (1, 2):
        with pytest.raises(Killed):
            recipe = recipe_of(kind(), epochs=6, callbacks=callbacks(epoch))
            run(recipe, SLOW, tmp_path, LOSS)
    run(recipe_of(kind(), epochs=6, callbacks=callbacks(9)), SLOW, tmp_path, LOSS)
    assert len(history_of(tmp_path)) == 3


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", [Line, ReturnsHistory])
def test_a_plateau_is_noticed_in_the_epoch_in_which_it_would_have_been(kind, tmp_path):
    def callbacks(epoch):
        plateau = keras.callbacks.ReduceLROnPlateau(patience=2, min_delta=9.0)  # each epoch is one
        return [plateau, KillsIt(epoch)]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(recipe_of(kind(), epochs=6, callbacks=callbacks(9)), SLOW, whole, LOSS)
    for epoch in (1, 2, 3):
        with pytest.raises(Killed):
            recipe = recipe_of(kind(), epochs=6, callbacks=callbacks(epoch))
            run(recipe, SLOW, killed, LOSS)
    run(recipe_of(kind(), epochs=6, callbacks=callbacks(9)), SLOW, killed, LOSS)
    rates = [row["learning_rate"] for row in history_of(whole)]
    assert len(set(rates)) == 3
    assert [row["learning_rate"] for row in history_of(killed)] == rates


def test_a_metric_of_a_callback_is_an_objective(tmp_path):
    import keras_tuner

    objective = keras_tuner.Objective("count", "max")
    outcome = run(recipe_of(Line(), epochs=3, callbacks=[Notes()]), SLOW, tmp_path, objective)
    assert outcome.metrics["count"] == 3 and outcome.step == 2


def test_each_execution_has_files_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callbacks = [
        keras.callbacks.CSVLogger("tables/epochs.csv"),
        keras.callbacks.ModelCheckpoint("weights/{epoch}.weights.h5", save_weights_only=True),
    ]
    recipe = recipe_of(Line(), epochs=2, callbacks=[*callbacks, KillsIt(9)])
    for number in (0, 1):
        run(recipe, SLOW, tmp_path / "search", LOSS, number, executions=2)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("[tw]*/*/*/*"))
    assert found == sorted(
        f"{name.format(trial)}"
        for trial in ("0/execution0", "0/execution1", "1/execution0", "1/execution1")
        for name in ("tables/{}/epochs.csv", "weights/{}/1.weights.h5", "weights/{}/2.weights.h5")
    )


def test_the_table_of_a_killed_trial_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for epoch, error in ((2, Killed), (9, None)):
        recipe = recipe_of(
            Line(), epochs=4, callbacks=[keras.callbacks.CSVLogger("a.csv"), KillsIt(epoch)]
        )
        if error is None:
            run(recipe, SLOW, tmp_path / "search", LOSS)
        else:
            with pytest.raises(error):
                run(recipe, SLOW, tmp_path / "search", LOSS)
    with (tmp_path / "0" / "execution0" / "a.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2", "3"]


def test_tensorboard_writes_where_keras_tuner_lets_it(tmp_path):
    content = pickled_callbacks([keras.callbacks.TensorBoard(str(tmp_path / "logs"))])
    (found,) = copied_callbacks(content, tmp_path / "search" / "trial_07" / "execution_1")
    assert found.log_dir == str(tmp_path / "logs" / "07" / "execution1")
    (scratch,) = scratch_callbacks(content, tmp_path / "scratch")
    assert scratch.log_dir.startswith(str(tmp_path / "scratch"))


def test_what_cannot_be_copied_is_refused():
    class Open(Notes):
        def __reduce__(self):
            raise TypeError("an open connection")

    for entry, told in (
        (Open(), "copied for each trial. .* an open connection"),
        (keras.callbacks.BackupAndRestore("backup"), "without BackupAndRestore"),
        (3, "a list of Keras's callbacks"),
    ):
        with pytest.raises(ValueError, match=f"`callbacks` must be .*{told}"):
            pickled_callbacks([entry])


def test_class_weights_reach_a_fit_of_ones_own(tmp_path):
    found = []

    class Takes(Line):
        def fit(self, hp, model, x, y, class_weight=None, **options):
            found.append((class_weight, sorted(options)))
            return float(np.sum(y))

    run(recipe_of(Takes(), class_weight={0: 2, 1: 0.5}, steps_per_epoch=3), SLOW, tmp_path, LOSS)
    names = ["callbacks", "epochs", "steps_per_epoch", "validation_data", "verbose"]
    assert found == [({0: 2.0, 1: 0.5}, names)]
