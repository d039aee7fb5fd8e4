"""The preflight goes the way of a trial: what fails in every trial fails there."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_dlnotes.tuning.arguments import make_recipe
from keras_dlnotes.tuning.preflight import look_ahead

OBJECTIVE = keras_tuner.Objective("val_loss", "min")


class Plain(keras_tuner.HyperModel):
    """One weight, and the loss of a model that may not change."""

    def build(self, hp):
        hp.Choice("units", [1, 2])
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.0), "mse", weighted_metrics=["mae"], jit_compile=False)
        return model


class Hands(Plain):
    def fit(self, hp, model, *arguments, **options):
        assert len(arguments) == 2
        return model.fit(*arguments, shuffle=False, **options)


class Names(Plain):
    def fit(self, hp, model, x, y, sample_weight, validation_data, **options):
        options |= {"sample_weight": sample_weight, "validation_data": validation_data}
        return model.fit(x, y, **options)


def recipe_of(hypermodel, count=5, **arguments):
    generator = np.random.default_rng(0)
    part = (
        generator.normal(size=(count, 2)).astype("float32"),
        generator.normal(size=(count, 1)).astype("float32"),
        generator.uniform(size=count).astype("float32"),
    )
    return make_recipe(hypermodel, training=part, validation=part, batch_size=4, **arguments)


@pytest.mark.parametrize("hypermodel", [Plain, Hands, Names])
def test_sample_weights_are_handed_on(hypermodel):
    names = look_ahead(recipe_of(hypermodel()), OBJECTIVE)["metrics"]
    assert names == ["loss", "mae", "val_loss", "val_mae"]


def test_what_every_trial_refuses_is_refused():
    class Forgets(Plain):
        def fit(self, hp, model, x, y, sample_weight=None, **options):
            return model.fit(x, y, epochs=1, verbose=0)

    with pytest.raises(ValueError, match=r"`objective` must be one of the metrics.*: loss, mae"):
        look_ahead(recipe_of(Forgets()), OBJECTIVE)

    class Diverges(Plain):
        def build(self, hp):
            model = super().build(hp)
            model.compile(keras.optimizers.SGD(0.0), lambda true, found: found / 0.0)
            return model

    with pytest.raises(RuntimeError, match="NaN"):
        look_ahead(recipe_of(Diverges()), OBJECTIVE)
