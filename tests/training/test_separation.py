"""Turning trained convolutions into separable ones: exact where they are, measured where not."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops, reports, training

IMAGES = np.random.default_rng(0).normal(size=(3, 12, 12, 4)).astype("float32")


def _model(module):
    """Two convolutions in a row and one beside them, in a nested model, too."""
    nested = keras.Sequential(
        [keras.Input((12, 12, 4)), module.Conv2D(4, 3, padding="same", name="inner")], name="nested"
    )
    inputs = keras.Input((12, 12, 4))
    outputs = module.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    outputs = keras.layers.BatchNormalization()(outputs)
    outputs = nested(outputs)
    beside = module.Conv2D(4, 1, name="pointwise")(inputs)
    return keras.Model(inputs, keras.layers.Add()([outputs, beside]))


def _make_separable(layer):
    kernel, *rest = layer.get_weights()
    vectors = np.random.default_rng(1).normal(size=(2, 3))
    layer.set_weights([np.einsum("m,n,io->mnio", *vectors, kernel[0, 0]), *rest])


@pytest.mark.parametrize("module", [layers, keras.layers], ids=["ours", "Keras"])
def test_separable_kernels_are_replaced_without_loss(module):
    model = _model(module)
    for layer in (model.get_layer("first"), model.get_layer("nested").get_layer("inner")):
        _make_separable(layer)
    model.get_layer(index=2).set_weights([np.full(4, value) for value in (2.0, 1, 0.5, 3)])
    separation = training.separate_convolutions(model)
    assert sorted(separation.replaced) == ["first", "inner"]
    assert max(separation.residuals.values()) < 1e-6
    expected = model.predict(IMAGES, verbose=0)
    found = separation.model.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_model_stays_as_it_was():
    model = _model(layers)
    before = model.get_weights()
    separation = training.separate_convolutions(model)
    separation.model.set_weights([weight * 0 for weight in separation.model.get_weights()])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert type(model.get_layer("first")) is layers.Conv2D


def test_what_is_too_far_off_is_left():
    model = _model(layers)
    _make_separable(model.get_layer("first"))
    separation = training.separate_convolutions(model, tolerance=0.01)
    assert separation.replaced == ["first"]
    assert separation.residuals["inner"] > 0.1
    expected = model.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(separation.model.predict(IMAGES, verbose=0), expected, atol=1e-4)


@pytest.mark.parametrize("tolerance", [-0.1, 1.5, "all"])
def test_bad_tolerance_is_named(tolerance):
    with pytest.raises(ValueError, match="Argument `tolerance` must be a number in"):
        training.separate_convolutions(_model(layers), tolerance)


def _small(channels, filters, lengths=(9, 10), **settings):
    layer = layers.Conv2D(filters, 3, name="only", **settings)
    first = settings.get("data_format") == "channels_first"
    return keras.Sequential(
        [keras.Input((channels, *lengths) if first else (*lengths, channels)), layer]
    )


def test_what_gets_dearer_is_left_alone():
    """The issue's: a random kernel of 32 filters on one channel has room in its pair for any K."""
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(32, 3, name="only")])
    separation = training.separate_convolutions(model)
    assert separation.costs == {"only": (194_688, 2_146_560)}
    assert separation.replaced == [] and separation.residuals["only"] < 1e-6
    assert type(separation.model.get_layer("only")) is layers.Conv2D
    anyway = training.separate_convolutions(model, only_cheaper=False)
    assert anyway.replaced == ["only"]


@pytest.mark.parametrize("settings", [
    {},
    {"padding": "same"},
    {"padding": 2, "strides": (2, 3)},
    {"padding": "same", "strides": 2},
    {"dilation_rate": 2},
    {"padding": 1, "data_format": "channels_first"},
])  # fmt: skip
def test_the_costs_are_those_of_the_report(settings):
    model = _small(5, 3, **settings)
    separation = training.separate_convolutions(model, only_cheaper=False)
    counted = [reports.summarize(one).total.multiplications for one in (model, separation.model)]
    assert separation.replaced == ["only"]
    assert separation.costs["only"] == tuple(counted)


def test_a_layer_called_twice_costs_twice():
    layer = layers.Conv2D(4, 3, padding="same", name="shared")
    inputs = keras.Input((8, 8, 4))
    once = training.separate_convolutions(keras.Model(inputs, layer(inputs))).costs
    twice = training.separate_convolutions(keras.Model(inputs, layer(layer(inputs)))).costs
    assert twice["shared"] == tuple(2 * count for count in once["shared"])


def test_open_lengths_are_counted_for_one_position():
    separation = training.separate_convolutions(_small(5, 3, (None, None), padding=1, strides=2))
    assert separation.costs["only"] == (9 * 5 * 3, 2 * 3 * 5 * 3 + 3 * 3 * 3)


def test_each_kernel_has_the_residual_of_its_own():
    model = _small(4, 3)
    kernel = np.array(model.get_layer("only").get_weights()[0])
    kernel[..., 0, 0] = 0
    kernel[..., 1, 0] = np.outer([1, 2, 1], [-1, 0, 1])
    model.get_layer("only").set_weights([kernel, np.zeros(3)])
    found = training.separate_convolutions(model).kernel_residuals["only"]
    expected = [[ops.separate_kernel(kernel[..., m, n])[2] for n in range(3)] for m in range(4)]
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert found[0, 0] == 0 and found[1, 0] < 1e-6 < found[2, 0]
