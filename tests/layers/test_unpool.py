"""Pooling with indices and unpooling as layers: in models, saved, with sizes of their own."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers

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
