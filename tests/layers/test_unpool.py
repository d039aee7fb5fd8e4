"""Pooling with indices and unpooling as layers: in models, saved, with sizes given in calls."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import only_on

to_numpy = keras.ops.convert_to_numpy
IMAGE = np.random.default_rng(0).normal(size=(2, 7, 9, 3)).astype("float32")


def _there_and_back():
    """Pools and unpools, as a segmentation network does, back to an odd size."""
    inputs = keras.Input((7, 9, 3))
    values, indices = layers.MaxPooling2D(2, return_indices=True)(inputs)
    outputs = layers.MaxUnpooling2D(2)([values, indices], output_size=(7, 9))
    return keras.Model(inputs, outputs)


def test_there_and_back_in_a_model():
    model = _there_and_back()
    assert model.output_shape == (None, 7, 9, 3)
    found = model.predict(IMAGE, verbose=0)
    kept = found != 0
    assert kept.sum() == 2 * 3 * 4 * 3
    np.testing.assert_array_equal(found[kept], IMAGE[kept])


def test_output_size_survives_saving(tmp_path):
    model = _there_and_back()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(IMAGE, verbose=0), model.predict(IMAGE, verbose=0))


def test_without_output_size_the_rest_is_left_out():
    values, indices = layers.MaxPooling2D(3, return_indices=True)(IMAGE[:, :6])
    assert tuple(layers.MaxUnpooling2D(3)([values, indices]).shape) == (2, 6, 9, 3)


def test_indices_in_mixed_precision_stay_whole_numbers():
    layer = layers.MaxPooling2D(2, return_indices=True, dtype="mixed_bfloat16")
    values, indices = layer(IMAGE)
    assert keras.backend.standardize_dtype(values.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(indices.dtype) == "int32"
    symbolic = layer(keras.Input((7, 9, 3)))
    assert [tensor.dtype for tensor in symbolic] == ["bfloat16", "int32"]


@pytest.mark.parametrize("inputs", [IMAGE, [IMAGE], [IMAGE, IMAGE, IMAGE]])
def test_inputs_that_are_no_pair_are_named(inputs):
    with pytest.raises(ValueError, match="`inputs` must be a pair"):
        layers.MaxUnpooling2D(2)(inputs)


def _segnet(channels=2):
    """Two stages down with indices and two up, each back to the size before its pooling."""
    inputs = keras.Input((None, None, 1))
    outputs, met = inputs, []
    for filters in (4, 6):
        outputs = layers.Conv2D(filters, 3, padding="same", activation="relu")(outputs)
        pooled, indices = layers.MaxPooling2D(2, return_indices=True)(outputs)
        met.append((outputs, indices))
        outputs = pooled
    for (before, indices), filters in zip(reversed(met), (4, channels), strict=True):
        outputs = layers.MaxUnpooling2D(2)([outputs, indices], output_size=before)
        outputs = layers.Conv2D(filters, 3, padding="same")(outputs)
    return keras.Model(inputs, outputs)


@pytest.mark.thorough
def test_a_segmentation_network_takes_images_of_any_size(tmp_path):
    model = _segnet()
    assert model.output_shape == (None, None, None, 2)
    model.compile("sgd", "mse")
    for lengths in ((8, 8), (9, 7), (13, 10)):
        image = np.random.default_rng(0).normal(size=(2, *lengths, 1)).astype("float32")
        assert model.predict(image, verbose=0).shape == (2, *lengths, 2)
        assert np.isfinite(model.train_on_batch(image, np.zeros((2, *lengths, 2))))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-6
    )


@pytest.mark.thorough
@only_on("tensorflow", reason="writes a SavedModel of open size")
def test_a_segmentation_network_leaves_as_a_saved_model_of_any_size(tmp_path):
    import tensorflow as tf

    model = _segnet()
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    for lengths in ((8, 8), (9, 7)):
        image = np.random.default_rng(0).normal(size=(2, *lengths, 1)).astype("float32")
        expected = model.predict(image, verbose=0)
        np.testing.assert_allclose(loaded.serve(image), expected, atol=1e-5)


def test_whole_numbers_come_out_in_the_compute_type():
    indices = np.arange(4).reshape(1, 2, 2, 1)
    for policy in ("float32", "mixed_bfloat16"):
        layer = layers.MaxUnpooling2D(2, dtype=policy)
        found = layer([np.full((1, 2, 2, 1), 200, "uint8"), indices])
        assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
        symbolic = [keras.Input((2, 2, 1), dtype=dtype) for dtype in ("uint8", "int32")]
        assert layer(symbolic).dtype == layer.compute_dtype
    with pytest.raises(ValueError, match="`inputs` must be a tensor of real numbers"):
        layers.MaxUnpooling2D(2)([np.ones((1, 2, 2, 1), "complex64"), indices])


@pytest.mark.parametrize("index", [16, -1, 2**32 + 1])
def test_an_index_outside_of_the_image_raises(index):
    indices = np.array([0, 3, 5, index]).reshape(1, 2, 2, 1)
    with pytest.raises(ValueError, match=rf"Argument `indices` must be in .*indices={index}"):
        layers.MaxUnpooling2D(2)([np.ones((1, 2, 2, 1), "float32"), indices])
