"""Convolutional classifiers and the complex layer that they are made of."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.models import conv_block, convnet


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_conv_block_is_convolution_detector_and_pooling():
    inputs = keras.Input((6, 8, 2))
    model = keras.Model(inputs, conv_block(inputs, filters=3))
    assert kinds(model) == ["InputLayer", "Conv2D", "Activation", "MaxPooling2D"]
    assert model.output_shape == (None, 3, 4, 3)
    assert isinstance(model.layers[1], layers.Conv2D)
    assert isinstance(model.layers[3], layers.MaxPooling2D)

    images = np.random.default_rng(0).normal(size=(2, 6, 8, 2)).astype("float32")
    convolved = keras.ops.convert_to_numpy(model.layers[1](images))
    pooled = np.maximum(convolved, 0).reshape(2, 3, 2, 4, 2, 3).max(axis=(2, 4))
    np.testing.assert_allclose(model.predict(images, verbose=0), pooled, rtol=1e-5, atol=1e-6)


def test_conv_block_without_pooling():
    inputs = keras.Input((6, 6, 1))
    model = keras.Model(inputs, conv_block(inputs, 2, kernel_size=5, padding=2, pool_size=1))
    assert kinds(model) == ["InputLayer", "Conv2D", "Activation"]
    assert model.output_shape == (None, 6, 6, 2)


def test_convnet_has_the_weights_that_its_arguments_say():
    model = convnet((28, 28, 1), classes=10, filters=(8, 16), kernel_size=5, hidden=(20,))
    first, second = 5 * 5 * 1 * 8 + 8, 5 * 5 * 8 * 16 + 16
    dense, classifier = 7 * 7 * 16 * 20 + 20, 20 * 10 + 10
    assert model.count_params() == first + second + dense + classifier
    assert not model.compiled
    probabilities = model.predict(np.zeros((2, 28, 28, 1)), verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_convnet_takes_explicit_padding():
    assert convnet((8, 8, 1), 3, filters=(2,), padding=((2, 0), 1)).output_shape == (None, 3)
    same, explicit = (convnet((8, 8, 1), 3, filters=(2,), padding=p) for p in ("same", 1))
    explicit.set_weights(same.get_weights())
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(
        same.predict(images, verbose=0), explicit.predict(images, verbose=0), rtol=1e-5
    )


def test_convnet_applies_preprocessing_first_and_in_order():
    preprocessing = [keras.layers.Rescaling(2.0), keras.layers.Rescaling(1.0, offset=1.0)]
    model = convnet((4, 4, 1), 2, filters=(1,), preprocessing=preprocessing)
    assert model.layers[1:3] == preprocessing


def test_convnet_drops_units_in_training_only():
    keras.utils.set_random_seed(0)
    model = convnet((4, 4, 1), 2, filters=(2,), dropout=0.5)
    images = np.ones((1, 4, 4, 1), dtype="float32")
    at_rest, again, training, another = (
        keras.ops.convert_to_numpy(model(images, training=mode))
        for mode in (False, False, True, True)
    )
    np.testing.assert_array_equal(at_rest, again)
    assert not np.array_equal(training, another)


@pytest.mark.parametrize(
    ("arguments", "stage"),
    [
        ({"filters": (2, 2, 2, 2)}, "Stage 4 gets 1×1 pixels"),
        ({"filters": (2, 2), "kernel_size": 5, "padding": "valid"}, "Stage 2 gets 2×2 pixels"),
        ({"filters": (2,), "pool_size": 9}, "Stage 1 gets 8×8 pixels"),
        ({"filters": (2, 2), "pool_size": (1, 4)}, "Stage 2 gets 8×2 pixels"),
    ],
)
def test_convnet_names_the_stage_that_shrinks_below_one_pixel(arguments, stage):
    with pytest.raises(ValueError, match=stage):
        convnet((8, 8, 1), 10, **arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_shape", (8, 8)),
        ("input_shape", (8, 8, 0)),
        ("classes", 0),
        ("dropout", 1.0),
        ("kernel_size", 0),
        ("padding", "sam"),
        ("pool_size", (2, 2, 2)),
    ],
)
def test_convnet_names_the_bad_argument(name, value):
    arguments = {"input_shape": (8, 8, 1), "classes": 3} | {name: value}
    with pytest.raises(ValueError, match=name):
        convnet(**arguments)


@pytest.mark.thorough
def test_convnet_learns():
    keras.utils.set_random_seed(0)
    labels = np.arange(64) % 2
    images = np.random.default_rng(0).normal(size=(64, 8, 8, 1)).astype("float32")
    images[labels == 1, :4] += 2
    model = convnet((8, 8, 1), 2, filters=(4,), hidden=(8,))
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(images, labels, epochs=30, verbose=0)
    assert model.evaluate(images, labels, verbose=0)[1] > 0.95
