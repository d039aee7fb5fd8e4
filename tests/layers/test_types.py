"""Whole numbers, booleans and complex numbers as inputs: one rule for all of these layers."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import BACKEND
from tests.tensors import dtype_of, to_numpy

WHOLE = ["bool", "uint8", "int8", "int32", "int64"]
POLICIES = ["float32", "mixed_bfloat16", "mixed_float16"]
if BACKEND != "jax":
    POLICIES.append("float64")  # which JAX does not have
LAYERS = {
    "max": lambda **more: layers.MaxPooling2D(2, **more),
    "max 1": lambda **more: layers.MaxPooling1D(3, 2, "same", **more),
    "average": lambda **more: layers.AveragePooling2D(2, **more),
    "average 1": lambda **more: layers.AveragePooling1D(2, padding=1, **more),
    "average 3": lambda **more: layers.AveragePooling3D(2, **more),
    "norm": lambda **more: layers.BatchNormalization(**more),
    "residual": lambda **more: layers.Residual(layers.BatchNormalization(**more), **more),
    "dense block": lambda **more: layers.DenseBlock(1, 3, **more),
}


def _image(name, dtype="float32"):
    rank = int(name[-1]) if name[-1].isdigit() else 2
    image = np.random.default_rng(0).integers(0, 2, (2, *(6, 4, 4)[:rank], 3))
    return (image * (1 if dtype == "bool" else 100)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "policy"),
    [*((dtype, "float32") for dtype in WHOLE), *(("int32", policy) for policy in POLICIES[1:])],
)
@pytest.mark.parametrize("name", LAYERS)
def test_types_are_those_of_the_spec(name, dtype, policy):
    layer, image = LAYERS[name](dtype=policy), _image(name, dtype)
    tensor = keras.ops.convert_to_tensor(image)
    inputs = keras.Input(image.shape[1:], dtype=dtype_of(tensor))
    expected = dtype_of(tensor) if name.startswith("max") else layer.compute_dtype
    assert layer(inputs).dtype == expected
    assert dtype_of(layer(tensor)) == expected
    if name.startswith(("norm", "residual", "dense")):
        assert dtype_of(layer(tensor, training=True)) == expected


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32"])
@pytest.mark.parametrize("name", LAYERS)
def test_whole_numbers_give_what_floats_give(name, dtype, training):
    layer, image = LAYERS[name](), _image(name, dtype)
    keywords = {} if "ool" in type(layer).__name__ else {"training": training}
    layer.build(image.shape)
    weights = layer.get_weights()
    expected = to_numpy(layer(image.astype("float32"), **keywords))
    layer.set_weights(weights)
    np.testing.assert_allclose(to_numpy(layer(image, **keywords)), expected, atol=1e-5)


def test_half_precision_rounds_whole_numbers_after_it_has_computed():
    """257 is 256 in bfloat16: the mean of it and of three ones is 65, not 64.75 or 64."""
    image = np.array([257, 1, 1, 1], "int32").reshape(1, 2, 2, 1)
    found = layers.AveragePooling2D(2, dtype="mixed_bfloat16")(image)
    assert to_numpy(found).item() == 65


@pytest.mark.parametrize("name", LAYERS)
def test_complex_numbers_are_refused_by_name(name):
    image = _image(name).astype("complex64")
    message = "Argument `inputs` must be a tensor of real numbers"
    with pytest.raises(ValueError, match=message):
        LAYERS[name]()(image)
    with pytest.raises(ValueError, match=message):
        LAYERS[name]()(keras.Input(image.shape[1:], dtype="complex64"))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32"])
def test_gamma_and_beta_learn_from_whole_numbers(dtype):
    model = keras.Sequential(
        [keras.Input((3,), dtype=dtype), layers.BatchNormalization(), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    x = np.random.default_rng(0).integers(0, 2, (8, 3)).astype(dtype)
    model.train_on_batch(x, np.arange(8.0)[:, None])
    for old, new in zip(before[:2], model.get_weights()[:2], strict=True):
        assert np.abs(new - old).max() > 0


def test_a_branch_of_another_type_meets_its_input():
    layer = layers.Residual(layers.BatchNormalization(dtype="float32"), dtype="mixed_bfloat16")
    assert dtype_of(layer(_image("norm"))) == "bfloat16"
    pooled = layers.Residual(layers.MaxPooling2D(1))(_image("max", "uint8"))
    np.testing.assert_array_equal(to_numpy(pooled), 2 * _image("max"))
