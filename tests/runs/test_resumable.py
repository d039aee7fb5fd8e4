"""A run that was interrupted ends like one that was not, whatever the moment."""

import csv
import os

import keras
import numpy as np
import pytest

from keras_dlnotes.runs import RunFolder, RunFolderError, fit_resumable, run_state


class InterruptionError(Exception):
    pass


def examples(count, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, size=count)
    inputs = generator.normal(size=(count, 4)).astype("float32") + labels[:, None]
    return inputs, labels


def train(path, epochs=4, patience=9, resume=True, seed=0, training=None, learning_rate=0.02):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.GaussianNoise(0.5),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
    with RunFolder(path, {"seed": seed, "epochs": epochs}, resume=resume) as folder:
        state = fit_resumable(
            model,
            examples(40, seed=1) if training is None else training,
            examples(20, seed=2),
            folder,
            epochs=epochs,
            batch_size=16,
            seed=seed,
            patience=patience,
            verbose=0,
        )
    return model, state


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    path = tmp_path_factory.mktemp("uninterrupted")
    model, _ = train(path)
    return path, model


def assert_same_run(path, model, reference):
    reference_path, reference_model = reference
    assert (path / "history.csv").read_text() == (reference_path / "history.csv").read_text()
    for value, expected in zip(model.get_weights(), reference_model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    for name in ("epoch", "history", "early_stopping", "random_seeds"):
        left, right = (getattr(run_state_of(folder), name) for folder in (path, reference_path))
        assert left == right, name


def run_state_of(path):
    with RunFolder(path, {}, resume=True) as folder:
        return run_state(folder)


def test_history_has_a_row_an_epoch(uninterrupted):
    path, _ = uninterrupted
    with (path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert set(rows[0]) == {"epoch", "loss", "val_loss"}
    assert list((path / "logs" / "train").iterdir())


@pytest.mark.thorough
def test_same_seed_same_run_other_seed_other_run(uninterrupted, tmp_path):
    model, _ = train(tmp_path / "same")
    assert_same_run(tmp_path / "same", model, uninterrupted)
    train(tmp_path / "other", seed=1)
    histories = {
        (path / "history.csv").read_text() for path in (uninterrupted[0], tmp_path / "other")
    }
    assert len(histories) == 2


def test_epochs_in_two_parts_are_the_same_run(uninterrupted, tmp_path):
    train(tmp_path, epochs=1)
    train(tmp_path, epochs=3)
    model, state = train(tmp_path, epochs=4)
    assert state.epoch == 4
    assert_same_run(tmp_path, model, uninterrupted)


def replacements_of_one_run(monkeypatch, path):
    counted = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (counted.append(paths), replace(*paths)))
    train(path)
    monkeypatch.undo()
    return len(counted)


def interrupt_replacement(monkeypatch, number, after):
    """Makes the `number`-th file that takes its place the last thing that the process does."""
    replace, calls = os.replace, []

    def replace_until(*paths):
        calls.append(paths)
        if len(calls) == number and not after:
            raise InterruptionError
        replace(*paths)
        if len(calls) == number:
            raise InterruptionError

    monkeypatch.setattr(os, "replace", replace_until)


@pytest.mark.thorough
def test_a_run_interrupted_at_any_file_is_the_same_run(uninterrupted, tmp_path, monkeypatch):
    count = replacements_of_one_run(monkeypatch, tmp_path / "counted")
    assert count == 1 + 3 * 4  # the settings; history, weights and state for each epoch
    moments = [(number, after) for number in range(1, count + 1) for after in (False, True)]
    for number, after in moments[::4]:
        path = tmp_path / f"{number}-{after}"
        interrupt_replacement(monkeypatch, number, after)
        with pytest.raises(InterruptionError):
            train(path)
        monkeypatch.undo()
        model, _ = train(path)
        assert_same_run(path, model, uninterrupted)
        assert not list(path.glob("**/.partial-*"))


def test_a_run_interrupted_within_an_epoch_is_the_same_run(uninterrupted, tmp_path, monkeypatch):
    def interrupt(self, batch, logs=None):
        if self.model.optimizer.iterations >= 8:  # the second of three steps of the third epoch
            raise InterruptionError

    monkeypatch.setattr(keras.callbacks.TerminateOnNaN, "on_train_batch_end", interrupt)
    with pytest.raises(InterruptionError):
        train(tmp_path)
    monkeypatch.undo()
    assert run_state_of(tmp_path).epoch == 2
    model, _ = train(tmp_path)
    assert_same_run(tmp_path, model, uninterrupted)


@pytest.mark.thorough
def test_early_stopping_goes_on_with_its_count_and_best_weights(tmp_path):
    options = {"patience": 3, "learning_rate": 0.5}
    reference, state = train(tmp_path / "reference", epochs=30, **options)
    assert state.stopped and state.epoch < 30
    best = state.early_stopping["best_epoch"]
    assert best == state.epoch - 1 - 3
    assert best == np.argmin([row["val_loss"] for row in state.history])

    train(tmp_path / "resumed", epochs=best + 3, **options)
    model, resumed = train(tmp_path / "resumed", epochs=30, **options)
    assert resumed.stopped and resumed.epoch == state.epoch
    assert_same_run(tmp_path / "resumed", model, (tmp_path / "reference", reference))

    again, after = train(tmp_path / "resumed", epochs=40, **options)
    assert after.epoch == state.epoch
    assert_same_run(tmp_path / "resumed", again, (tmp_path / "reference", reference))


def test_old_checkpoints_are_removed(uninterrupted):
    path, _ = uninterrupted
    best = run_state_of(path).early_stopping["best_epoch"] + 1
    files = {file.name for file in (path / "checkpoints").iterdir()}
    assert files == {"state.json", "epoch-4.weights.h5", f"epoch-{best}.weights.h5"}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "state"])
def test_a_corrupt_checkpoint_is_named(tmp_path, damage):
    train(tmp_path, epochs=2)
    weights = tmp_path / "checkpoints" / "epoch-2.weights.h5"
    content = bytearray(weights.read_bytes())
    if damage == "cut":
        weights.write_bytes(content[:-100])
    elif damage == "changed":
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    elif damage == "missing":
        weights.unlink()
    else:
        weights = tmp_path / "checkpoints" / "state.json"
        weights.write_text("{")
    with pytest.raises(RunFolderError, match=rf"{weights.name} is missing or corrupt"):
        train(tmp_path, epochs=4)


def test_fewer_epochs_than_are_done_are_refused(tmp_path):
    train(tmp_path, epochs=2)
    with pytest.raises(RunFolderError, match=r"finished 2 epochs.*epochs=1"):
        train(tmp_path, epochs=1)


def test_a_loss_that_is_no_number_fails_the_run(tmp_path):
    inputs, labels = examples(40, seed=1)
    with pytest.raises(RuntimeError, match="NaN"):
        train(tmp_path, training=(np.full_like(inputs, np.nan), labels))
    assert run_state_of(tmp_path).epoch == 0
