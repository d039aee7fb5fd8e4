"""The preflight goes the way of a trial: what fails in every trial fails there."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_dlnotes.tuning.arguments import make_recipe
from keras_dlnotes.tuning.preflight import dry_run
from tests.metrics import OfFloat32

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


@pytest.mark.thorough
@pytest.mark.parametrize("hypermodel", [Plain, Hands, Names])
def test_sample_weights_are_handed_on(hypermodel):
    names = dry_run(recipe_of(hypermodel()), OBJECTIVE)["metrics"]
    assert names == ["loss", "mae", "val_loss", "val_mae"]


def error_of_four_rows(true, found):
    return keras.ops.square(true - keras.ops.reshape(found, (4, 1)))


class OfFourRows(Plain):
    def build(self, hp):
        model = super().build(hp)
        model.compile(keras.optimizers.SGD(0.0), error_of_four_rows, jit_compile=False)
        return model


def test_the_last_batch_of_an_epoch_is_tried_too():
    dry_run(recipe_of(OfFourRows(), count=8), OBJECTIVE)
    with pytest.raises(Exception, match=r"(?i)shape|size"):
        dry_run(recipe_of(OfFourRows(), count=9), OBJECTIVE)


def test_lists_of_float64_reach_a_metric_of_ones_own_as_float32():
    def build(hp):
        inputs = [keras.Input((2,)), keras.Input((2,))]
        joined = keras.layers.Concatenate()(inputs)
        names = "first", "second"
        model = keras.Model(inputs, [keras.layers.Dense(1, name=name)(joined) for name in names])
        metrics = [[OfFloat32(name="own")], [OfFloat32(name="own")]]
        model.compile("sgd", ["mse", "mse"], metrics=metrics, jit_compile=False)
        return model

    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(2, 5, 2)), generator.normal(size=(2, 5, 1))
    part = list(inputs), list(targets), np.ones(5)
    recipe = make_recipe(build, training=part, validation=part, batch_size=4)
    assert "val_second_own" in dry_run(recipe, OBJECTIVE)["metrics"]


def test_what_every_trial_refuses_is_refused():
    class Forgets(Plain):
        def fit(self, hp, model, x, y, sample_weight=None, **options):
            return model.fit(x, y, epochs=1, verbose=0)

    with pytest.raises(ValueError, match=r"`objective` must be one of the metrics.*: loss, mae"):
        dry_run(recipe_of(Forgets()), OBJECTIVE)

    class Diverges(Plain):
        def build(self, hp):
            model = super().build(hp)
            model.compile(keras.optimizers.SGD(0.0), lambda true, found: found / 0.0)
            return model

    with pytest.raises(RuntimeError, match="NaN"):
        dry_run(recipe_of(Diverges()), OBJECTIVE)
