"""KerasTuner's guide "Getting started", section by section."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_dlnotes import tuning

pytestmark = pytest.mark.thorough


def network(units, activation="relu", dropout=False, rate=1e-3):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(units, activation)])
    if dropout:
        model.add(keras.layers.Dropout(0.25))
    model.add(keras.layers.Dense(10, "softmax"))
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def units_of(hp, name="units"):
    return hp.Int(name, min_value=4, max_value=16, step=4)


def one_hyperparameter(hp):
    return network(units_of(hp))


def several_types(hp):
    rate = hp.Float("lr", 1e-4, 1e-2, sampling="log")
    activation = hp.Choice("activation", ["relu", "tanh"])
    return network(units_of(hp), activation, hp.Boolean("dropout"), rate)


def conditional(hp):
    model = keras.Sequential([keras.layers.Flatten()])
    for number in range(hp.Int("num_layers", 1, 3)):
        model.add(keras.layers.Dense(units_of(hp, f"units_{number}"), "relu"))
    model.add(keras.layers.Dense(10, "softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


@pytest.mark.parametrize("build", [one_hyperparameter, several_types, conditional])
def test_define_the_search_space(build, search, images):
    training, validation = images
    results = search(
        build, objective="val_accuracy", training=training, validation=validation, overwrite=True
    )
    assert len(results.to_frame()) == 3
    assert {entry.name for entry in results.space.space} >= set(results.best_hyperparameters)


def test_start_the_search_query_the_results_and_retrain(search, images, tmp_path):
    training, validation = images
    results = search(
        several_types,
        objective="val_accuracy",
        executions_per_trial=2,
        training=training,
        validation=validation,
        epochs=2,
    )
    best, second = results.best_models(2)
    assert best.count_params() > 0 and second.built
    accuracy = best.evaluate(*validation, verbose=0)[1]
    frame = results.to_frame()
    assert len(frame) == 3 * 2 * 2
    assert accuracy == pytest.approx(frame[frame.trial == results.best_trial].val_accuracy.max())
    configurations = results.best_configurations(5)
    assert len(configurations) == 3
    assert configurations[0].values == results.best_hyperparameters.values
    model = several_types(configurations[0])
    whole = [np.concatenate(parts) for parts in zip(training, validation, strict=True)]
    model.fit(*whole, epochs=1, verbose=0)


class Shuffles(keras_tuner.HyperModel):
    def build(self, hp):
        return network(units_of(hp))

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, shuffle=hp.Boolean("shuffle"), **kwargs)


class Normalizes(Shuffles):
    def fit(self, hp, model, x, y, **kwargs):
        if hp.Boolean("normalize"):
            x = keras.layers.Normalization()(x)
        return model.fit(x, y, shuffle=hp.Boolean("shuffle"), **kwargs)


class Crops(Shuffles):
    def build(self, hp):
        size = hp.Int("size", 4, 8)
        inputs = keras.Input((size, size, 1))
        flat = keras.layers.Flatten()(inputs)
        model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(flat))
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
        return model

    def fit(self, hp, model, x, y, validation_data=None, **kwargs):
        size = hp.get("size")
        if validation_data:
            validation_data = (validation_data[0][:, :size, :size], validation_data[1])
        return model.fit(x[:, :size, :size], y, validation_data=validation_data, **kwargs)


@pytest.mark.parametrize("kind", [Shuffles, Normalizes, Crops])
def test_tune_training_and_preprocessing(kind, search, images):
    training, validation = images
    results = search(
        kind(), objective="val_accuracy", training=training, validation=validation, epochs=2
    )
    best, hypermodel = results.best_hyperparameters, kind()
    model = hypermodel.build(best)
    hypermodel.fit(best, model, *training, epochs=1, verbose=0)
    assert results.best_model().count_params() == model.count_params()


def regressor(hp, metric="mae"):
    model = keras.Sequential([keras.layers.Dense(units_of(hp), "relu"), keras.layers.Dense(1)])
    model.compile("adam", "mean_squared_error", metrics=[metric], jit_compile=False)
    return model


class Squares(keras.metrics.Metric):
    def __init__(self, **options):
        super().__init__(name="squares", **options)
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(keras.ops.sum((y_true - y_pred) ** 2))

    def result(self):
        return keras.ops.convert_to_tensor(self.total)  # on JAX, Keras takes no variable here


@pytest.mark.parametrize(
    ("metric", "name"),
    [(keras.metrics.MeanAbsoluteError, "mean_absolute_error"), (Squares, "squares")],
)
def test_a_metric_as_the_objective(metric, name, search, table):
    objective = keras_tuner.Objective(f"val_{name}", direction="min")
    training, validation = table
    results = search(
        lambda hp: regressor(hp, metric()),
        objective=objective,
        training=training,
        validation=validation,
    )
    assert results.best_score == results.to_frame()[f"val_{name}"].min()


class Evaluates(keras_tuner.HyperModel):
    def build(self, hp):
        return regressor(hp)

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        model.fit(x, y, verbose=0)
        inputs, targets = validation_data
        return self.of(np.asarray(model.predict(inputs, verbose=0)) - targets)

    def of(self, error):
        return float(np.mean(np.abs(error)))


class EvaluatesBoth(Evaluates):
    def of(self, error):
        return {"absolute": -np.mean(np.abs(error)), "square": np.mean(error**2)}


def test_what_fit_returns_as_the_objective(search, table, tmp_path):
    data = dict(zip(("training", "validation"), table, strict=True))
    results = search(Evaluates(), **data)
    assert (results.objective, results.direction) == ("default_objective", "min")
    objective = keras_tuner.Objective("absolute", "max")
    results = search(EvaluatesBoth(), objective=objective, directory=tmp_path / "both", **data)
    assert results.best_score == results.to_frame()["absolute"].max() < 0
    assert "square" in results.to_frame()


def test_tune_any_function(search):
    def parabola(hp):
        x = hp.Float("x", min_value=-1.0, max_value=1.0)
        return x * x + 1

    results = search(parabola, max_trials=20)
    assert len(results.to_frame()) == 20
    assert results.best_score == results.best_hyperparameters["x"] ** 2 + 1
    assert results.best_score < 1.1


def test_keep_keras_code_separate(search, table):
    def whole(units, optimizer, path):
        (inputs, targets), validation = table
        model = keras.Sequential([keras.layers.Dense(units, "relu"), keras.layers.Dense(1)])
        model.compile(optimizer, "mean_squared_error", jit_compile=False)
        model.fit(inputs, targets, verbose=0)
        model.save(path)
        return model.evaluate(*validation, verbose=0)

    def score(hp, folder):
        optimizer = hp.Choice("optimizer", ["adam", "sgd"])
        return whole(units_of(hp), optimizer, folder / "model.keras")

    results = search(score)
    path = results.directory / f"trial_{results.best_trial}" / "execution_0" / "files"
    model = keras.models.load_model(path / "model.keras")
    assert model.evaluate(*table[1], verbose=0) == pytest.approx(results.best_score, rel=1e-5)
    with pytest.raises(ValueError, match="has no model of ours"):
        tuning.Results(results.directory, results._recipe).best_model()


@pytest.mark.slow
def test_the_applications_of_keras_tuner(search, images):
    hypermodel = keras_tuner.applications.HyperResNet(input_shape=(32, 32, 1), classes=10)
    training, validation = (
        (np.repeat(np.repeat(inputs, 4, axis=1), 4, axis=2)[:8], targets[:8])
        for inputs, targets in images
    )
    results = search(
        hypermodel,
        max_trials=1,
        objective="val_accuracy",
        training=training,
        validation=validation,
        initial_configurations=[{"version": "v2", "conv3_depth": 4, "conv4_depth": 6}],
    )
    assert len(results.to_frame()) == 1
