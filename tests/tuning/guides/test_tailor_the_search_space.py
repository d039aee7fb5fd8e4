"""KerasTuner's guide "Tailor the search space", section by section."""

import keras
import keras_tuner
import numpy as np
import pytest

pytestmark = pytest.mark.thorough


def build(hp):
    model = keras.Sequential([keras.layers.Flatten()])
    model.add(keras.layers.Dense(hp.Int("units", 8, 32, step=8, default=16), "relu"))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(0.25))
    model.add(keras.layers.Dense(10, "softmax"))
    rate = hp.Choice("learning_rate", [1e-2, 1e-3, 1e-4])
    optimizer = keras.optimizers.Adam(rate)
    model.compile(
        optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    return model


@pytest.fixture(scope="module")
def data(images):
    training, validation = (
        (inputs, np.argmax(targets, axis=1)[:, np.newaxis]) for inputs, targets in images
    )
    return {"training": training, "validation": validation}


def test_the_default_value(search, data):
    results = search(build, max_trials=1, objective="val_accuracy", **data)
    assert dict(results.best_hyperparameters) == {
        "units": 16,
        "dropout": False,
        "learning_rate": 1e-2,
    }


def test_search_a_few_and_fix_the_rest(search, data):
    hp = keras_tuner.HyperParameters()
    hp.Float("learning_rate", min_value=1e-4, max_value=1e-2, sampling="log")
    results = search(
        build,
        objective="val_accuracy",
        tuner_arguments={"hyperparameters": hp, "tune_new_entries": False},
        **data,
    )
    assert [entry.name for entry in results.space.space] == ["learning_rate"]
    frame = results.to_frame()
    assert frame["learning_rate"].nunique() == 3


def test_fix_a_few_and_tune_the_rest(search, data):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("learning_rate", value=1e-4)
    results = search(
        build,
        objective="val_accuracy",
        tuner_arguments={"hyperparameters": hp, "tune_new_entries": True},
        **data,
    )
    assert set(results.to_frame()["learning_rate"]) == {1e-4}
    assert (
        len(set(zip(*(results.to_frame()[name] for name in ("units", "dropout")), strict=True)))
        == 3
    )


def test_override_what_the_model_is_compiled_with(search, data):
    results = search(
        build,
        max_trials=2,
        optimizer=keras.optimizers.Adam(1e-3),
        loss="mse",
        metrics=["sparse_categorical_crossentropy"],
        objective="val_loss",
        **data,
    )
    model = results.best_model()
    assert model.loss == "mse"
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert "val_sparse_categorical_crossentropy" in results.to_frame()


@pytest.mark.slow
def test_tailor_a_hypermodel_of_keras_tuner(search, data):
    hypermodel = keras_tuner.applications.HyperXception(input_shape=(71, 71, 1), classes=10)
    training, validation = (
        (np.repeat(np.repeat(inputs, 9, axis=1), 9, axis=2)[:4, :71, :71], targets[:4])
        for inputs, targets in (data["training"], data["validation"])
    )
    hp = keras_tuner.HyperParameters()
    hp.Choice("learning_rate", [1e-2, 1e-3, 1e-4])
    results = search(
        hypermodel,
        max_trials=1,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        objective="val_accuracy",
        tuner_arguments={"hyperparameters": hp, "tune_new_entries": False},
        training=training,
        validation=validation,
    )
    assert [entry.name for entry in results.space.space] == ["learning_rate"]
