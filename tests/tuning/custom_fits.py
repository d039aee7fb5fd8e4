"""Hypermodels with a `fit` of their own, one for each thing that KerasTuner documents."""

import math

import keras
import keras_tuner
import numpy as np

from keras_dlnotes.tuning.arguments import make_recipe
from keras_dlnotes.tuning.trials import TrialSettings, run_trial

INPUTS = np.linspace(-1.0, 1.0, 16, dtype="float32").reshape(8, 2)
TARGETS = INPUTS @ np.array([[1.0], [-2.0]], "float32")
VALIDATION = (INPUTS[:4] + 0.1, TARGETS[:4])
RATES = (0.05, 0.4)


def line():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "linear", False, "zeros")])


class Line(keras_tuner.HyperModel):
    """One layer that begins at zero, trained on all examples at once: the same on any machine."""

    def build(self, hp):
        rate = hp.Choice("rate", list(RATES), default=RATES[0])
        model = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(1, "linear", False, "zeros")]
        )
        model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"], run_eagerly=True)
        return model


class ReturnsHistory(Line):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=8, **kwargs)


class SetsItsEpochs(Line):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, epochs=hp.Choice("epochs", [2, 3]), **kwargs)


class ReturnsBest(Line):
    def fit(self, hp, model, *args, **kwargs):
        history = model.fit(*args, batch_size=8, **kwargs)
        return min(history.history["val_loss"])


class ReturnsNumber(Line):
    """The last epoch's, of rates of which another is the best by the loss."""

    def fit(self, hp, model, x, y, validation_data, callbacks, **kwargs):
        model.fit(
            x, y, batch_size=8, validation_data=validation_data, callbacks=callbacks, **kwargs
        )
        return abs(float(np.sum(model.get_weights()[0])) + hp.get("rate"))


class ReturnsDict(Line):
    def fit(self, hp, model, x, y, validation_data=None, callbacks=None, epochs=3):
        model.fit(x, y, epochs=epochs, batch_size=8, verbose=0, callbacks=callbacks)
        loss = model.evaluate(*validation_data, verbose=0)[0]
        return {"val_loss": loss, "mine": 1.0 / (1.0 + loss)}


class TrainsTwice(Line):
    """The first training reaches the lower loss."""

    def fit(self, hp, model, *args, **kwargs):
        model.fit(*args, batch_size=8, **kwargs)
        model.set_weights([np.zeros((2, 1))])
        return model.fit(*args, batch_size=8, **{**kwargs, "epochs": 1})


class ReturnsTheFirst(Line):
    def fit(self, hp, model, *args, **kwargs):
        history = model.fit(*args, batch_size=8, **kwargs)
        model.fit(*args, batch_size=8, **kwargs)
        return history


class ReturnsList(Line):
    def fit(self, hp, model, *args, **kwargs):
        histories = []
        for scale in (0.0, 0.5):
            model.set_weights([np.full((2, 1), scale)])
            histories.append(model.fit(*args, batch_size=8, **kwargs))
        return histories


class OwnLoop(Line):
    """KerasTuner's guide: a model that is not compiled, and a loop that calls the callbacks."""

    def build(self, hp):
        hp.Choice("rate", list(RATES), default=RATES[0])
        return keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(1, "linear", False, "zeros")]
        )

    def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
        for callback in callbacks:
            callback.set_model(model)
        best = math.inf
        for epoch in range(4):
            weights = model.get_weights()[0]
            slope = 2 * x.T @ (x @ weights - y) / len(x)
            model.set_weights([weights - 10 * hp.get("rate") * slope])
            found = np.asarray(keras.ops.convert_to_numpy(model(validation_data[0])))
            loss = float(np.mean((found - validation_data[1]) ** 2))
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"val_loss": loss})
            best = min(best, loss)
        return best


class HidesCallbacks(Line):
    def fit(self, hp, model, x, y, validation_data, **kwargs):
        return model.fit(x, y, epochs=3, batch_size=8, validation_data=validation_data, verbose=0)


def given(fit):
    """A hypermodel whose `fit` is this function, after `hp` and `model`."""
    return type("Given", (Line,), {"fit": fit})()


KINDS = [
    ReturnsHistory,
    SetsItsEpochs,
    ReturnsBest,
    ReturnsNumber,
    ReturnsDict,
    TrainsTwice,
    ReturnsTheFirst,
    ReturnsList,
    OwnLoop,
    HidesCallbacks,
]
OBJECTIVES = {ReturnsDict: keras_tuner.Objective("mine", "max"), ReturnsNumber: None}
LOSS = keras_tuner.Objective("val_loss", "min")


def recipe_of(hypermodel, **arguments):
    training = (INPUTS, TARGETS)
    return make_recipe(hypermodel, training=training, validation=VALIDATION, **arguments)


def run(recipe, values, folder, objective, number=0, executions=1, **settings):
    """Runs a trial in this process."""
    hp = keras_tuner.HyperParameters()
    recipe.declare(hp)
    hp.values = dict(values)
    (folder / f"trial_{number}").mkdir(parents=True, exist_ok=True)
    trial_settings = TrialSettings(objective, executions, 0, **settings)
    return run_trial(recipe, hp, trial_settings, folder, str(number))


def loss_of(model):
    found = keras.ops.convert_to_numpy(model(VALIDATION[0]))
    return float(np.mean((np.asarray(found) - VALIDATION[1]) ** 2))
