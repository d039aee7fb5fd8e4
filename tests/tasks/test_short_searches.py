"""Every task in a short form, searched: its page, and a model trained again on all data."""

from dataclasses import replace

import keras
import keras_tuner
import numpy as np
import pytest

from keras_dlnotes import tasks
from keras_dlnotes.runs.fit import compiled
from keras_dlnotes.training import fit_truncated
from keras_dlnotes.tuning import Results
from keras_dlnotes.tuning.arguments import make_recipe
from keras_dlnotes.tuning.folder import SearchFolder, write_outcome
from keras_dlnotes.tuning.trials import run_trial
from tests.backends import carries_states
from tests.tasks.short_forms import every_task, in_short
from tests.tuning import finished

QUICK = {"digits", "characters"}  # examples in rows, and windows of a text


def searched(task, folder):
    """Results of a search with one trial, trained for an epoch in this process."""
    recipe = make_recipe(task, space=lambda hp: {}, epochs=1, batch_size=16)
    named = {"task": task.name, "epochs": 1, "executions": 1, "data": task.data}
    with SearchFolder(folder, finished.settings() | named) as search:
        search.settings["space"] = {"space": [], "values": {}}
        search.begin()
        hp = keras_tuner.HyperParameters()
        settings = replace(finished.TRIAL_SETTINGS, executions=1)
        write_outcome(folder, "0", run_trial(recipe, hp, settings, folder, "0"))
    return Results(folder, recipe)


@pytest.mark.thorough
@pytest.mark.parametrize("name", list(every_task(QUICK)))
def test_the_page_shows_the_best_model_and_all_data_train_another(name, tmp_path):
    shown = []

    def pictures(outcome):
        for picture in task.pictures(outcome):
            shown.append(picture.title)
            yield picture

    task = in_short(tasks.get(name))
    splits = task.prepare(task.data)
    task = replace(task, prepare=lambda name: splits)
    results = searched(replace(task, pictures=pictures), tmp_path / "search")
    results.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert shown and all(title in page for title in ("Learning curves", "Costs", *shown))
    model = results.retrain(epochs=1)
    inputs, *_ = task.join(splits)
    count = len(keras.tree.flatten(inputs)[0])
    assert count > len(keras.tree.flatten(splits.training[0])[0])
    steps = len(task.batches(task.join(splits), 16, 0))
    assert model.optimizer.iterations == steps


@pytest.mark.thorough
@carries_states
def test_a_model_trained_again_carries_its_states_from_batch_to_batch(tmp_path):
    task = in_short(tasks.get("characters"))
    task = replace(task, arguments={**task.arguments, "dropout": 0.0}, pictures=lambda outcome: ())
    results = searched(task, tmp_path / "search")
    found = results.retrain(epochs=1)
    splits = task.prepare(task.data)
    keras.utils.set_random_seed(0)
    model = compiled(task, splits, 16, task.arguments)
    batches = task.batches(task.join(splits), 16, 0)
    every = [batches[index] for index in range(len(batches))]
    stream = tuple(np.concatenate(arrays, axis=1) for arrays in zip(*every, strict=True))
    fit_truncated(model, stream, window=every[0][0].shape[1], verbose=0)
    for weights, others in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, others, rtol=1e-4, atol=1e-6)
