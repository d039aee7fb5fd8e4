"""Searches among models that learn the shape of their inputs from the data."""

import keras
import keras_tuner
import pytest

from keras_dlnotes import tasks, tuning
from keras_dlnotes.runs import RunFolder, run_state
from keras_dlnotes.tuning.folder import COMPLETED, execution_path
from keras_dlnotes.tuning.recipes import HyperModelRecipe
from keras_dlnotes.tuning.trials import TrialSettings, run_trial


class Halves(keras.Model):
    """Two inputs by their names, each with a layer, and a dropout over both."""

    def __init__(self, units):
        super().__init__()
        self.left = keras.layers.Dense(units, activation="tanh")
        self.right = keras.layers.Dense(units, activation="tanh")
        self.dropout = keras.layers.Dropout(0.1)
        self.normalization = keras.layers.BatchNormalization()
        self.outputs = keras.layers.Dense(1)

    def call(self, inputs, training=False):
        both = keras.ops.concatenate(
            [self.left(inputs["left"]), self.right(inputs["right"])], axis=-1
        )
        both = self.dropout(self.normalization(both, training=training), training=training)
        return self.outputs(both)


def build(hp):
    model = Halves(hp.Choice("units", [2, 4, 8], default=4))
    model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-1)), "mse", jit_compile=False)
    return model


def halves(arrays):
    inputs, targets = arrays
    return {"left": inputs[:, :2], "right": inputs[:, 2:]}, targets


def recipe_of(table):
    splits = tasks.Splits(*map(halves, table), test=())
    return HyperModelRecipe(name="halves", epochs=4, batch_size=32, hypermodel=build, splits=splits)


def run(recipe, folder, trial, **hyperband):
    hp = keras_tuner.HyperParameters()
    hp.values = {"units": 4, "rate": 0.05, **hyperband}
    trial_settings = TrialSettings(keras_tuner.Objective("val_loss", "min"), executions=1, seed=0)
    outcome = run_trial(recipe, hp, trial_settings, folder, trial)
    assert outcome.status == COMPLETED, outcome.message
    with RunFolder(execution_path(folder, trial, 0), {}, resume=True) as entered:
        return run_state(entered)


@pytest.mark.thorough
def test_a_promoted_trial_is_the_whole_trial(table, tmp_path):
    recipe = recipe_of(table)
    whole = run(recipe, tmp_path, "0000")
    begun = {"tuner/epochs": 2, "tuner/initial_epoch": 0}
    run(recipe, tmp_path, "0001", **begun)
    promoted = {"tuner/epochs": 4, "tuner/initial_epoch": 2, "tuner/trial_id": "0001"}
    state = run(recipe, tmp_path, "0002", **promoted)
    assert len(state.history) == 4
    assert (state.history, state.random_seeds) == (whole.history, whole.random_seeds)


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    training, validation = map(halves, table)
    results = tuning.search(
        build,
        "random",
        max_trials=2,
        epochs=2,
        training=training,
        validation=validation,
        directory=tmp_path_factory.mktemp("finished") / "search",
    )
    return results, validation


@pytest.mark.thorough
def test_the_best_model_predicts_as_its_trial_did(finished):
    results, validation = finished
    assert not results.failures
    assert results.best_model().evaluate(*validation, verbose=0) == results.best_score


@pytest.mark.thorough
def test_the_page_shows_what_the_best_model_costs(finished, tmp_path):
    results, _ = finished
    results.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "Costs" in page and "batch_normalization" in page
