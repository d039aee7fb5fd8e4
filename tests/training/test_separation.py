"""Turning trained convolutions into separable ones: exact where they are, measured where not."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, training

IMAGES = np.random.default_rng(0).normal(size=(3, 12, 12, 2)).astype("float32")


def _model(module):
    """Two convolutions in a row and one beside them, in a nested model, too."""
    nested = keras.Sequential(
        [keras.Input((12, 12, 4)), module.Conv2D(4, 3, padding="same", name="inner")], name="nested"
    )
    inputs = keras.Input((12, 12, 2))
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
