"""Pooling of every type: the type of the result, the value of padding, and the type of sums."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests import reference
from tests.backends import only_on
from tests.gradcheck import gradients, outputs
from tests.tensors import dtype_of, to_numpy

WHOLE = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "int64"]
SETTINGS = ((3, 2), (2, 3), ((1, 1), (0, 1)))


def _whole(dtype, shape=(2, 7, 6, 3)):
    """Numbers of the type down to its least, which padding must not exceed."""
    if dtype == "bool":
        return np.random.default_rng(0).random(shape) < 0.3
    least = np.iinfo(dtype).min if dtype in ("int8", "int16", "int32") else 0
    return (np.random.default_rng(0).integers(0, 4, shape) * 30 + least).astype(dtype)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", WHOLE)
def test_maxima_of_whole_numbers_are_such(dtype):
    image = _whole(dtype)
    tensor = keras.ops.convert_to_tensor(image)
    found, indices = ops.max_pool(tensor, *SETTINGS, return_indices=True)
    assert (dtype_of(found), dtype_of(indices)) == (dtype_of(tensor), "int32")
    expected = reference.max_pool(image.astype("float64"), *SETTINGS)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), expected)
    expected = reference.max_pool_indices(image.astype("float64"), *SETTINGS)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(indices), expected)


@pytest.mark.usefixtures("way", "averages")
@pytest.mark.parametrize("dtype", WHOLE)
def test_means_of_whole_numbers_are_in_floatx(dtype):
    image = _whole(dtype)
    found = ops.average_pool(keras.ops.convert_to_tensor(image), *SETTINGS)
    assert dtype_of(found) == "float32"
    expected = reference.average_pool(image.astype("float64"), *SETTINGS)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-6)


def test_large_bytes_do_not_overflow():
    image = np.full((1, 4, 4, 1), 200, "uint8")
    np.testing.assert_array_equal(to_numpy(ops.average_pool(image, 2)), 200)


@pytest.mark.usefixtures("way", "averages")
@pytest.mark.parametrize("include", [False, True])
def test_padded_means_where_floatx_is_half_precision(include):
    before = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        image = np.arange(12, dtype="float16").reshape(1, 3, 4, 1)
        found = ops.average_pool(image, 2, 1, ((1, 0), (0, 1)), count_include_pad=include)
        whole = ops.average_pool(image.astype("int32"), 2, 1, "same", count_include_pad=include)
        assert dtype_of(found) == dtype_of(whole) == "float16"
        _, indices = ops.max_pool(image, 2, 1, 1, return_indices=True)
        assert dtype_of(indices) == "int32"
    finally:
        keras.config.set_floatx(before)
    padding = ((1, 0), (0, 1))
    expected = reference.average_pool(image.astype("float64"), (2, 2), (1, 1), padding, include)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-3)


# half a unit in the last place of the result, which is all that may be lost
ROUNDING = {"float16": 5e-4, "bfloat16": 4e-3, "float32": 1e-5}


@pytest.mark.usefixtures("way", "averages")
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize(
    ("lengths", "size"),
    [((12,), 4), ((2000,), 1000), ((100_000,), 100_000), ((64, 32), 32), ((316, 316), 316)],
)
def test_means_are_summed_in_single_precision(lengths, size, dtype):
    """Of 4, 10³ and 10⁵ terms, along one axis and along two."""
    x = keras.ops.cast(np.random.default_rng(0).normal(1, 1, (1, *lengths, 2)), dtype)
    found = ops.average_pool(x, size)
    assert dtype_of(found) == dtype
    blocks = [n for length in lengths for n in (length // size, size)]
    axes = tuple(range(2, 2 + 2 * len(lengths), 2))
    expected = to_numpy(x).reshape(1, *blocks, 2).mean(axes, "float64")
    np.testing.assert_allclose(to_numpy(found), expected, rtol=ROUNDING[dtype])


@pytest.mark.usefixtures("way", "averages")
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("size", [8, 1000])
def test_gradients_of_overlapping_means_are_summed_in_single_precision(size, dtype):
    n = 3 * size // 2
    x = np.zeros((1, n, 1), "float32")
    upstream = np.random.default_rng(0).uniform(0.5, 1.5, (1, n - size + 1, 1)).astype("float32")

    def function(x):
        return keras.ops.cast(ops.average_pool(keras.ops.cast(x, dtype), size, 1), "float32")

    (found,) = gradients(function, [x], [upstream])
    rounded = to_numpy(keras.ops.cast(upstream, dtype))[0, :, 0].astype("float64")
    expected = np.convolve(rounded, np.ones(size)) / size
    np.testing.assert_allclose(found[0, :, 0], expected, rtol=ROUNDING[dtype])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ROUNDING)
def test_gradients_of_overlapping_maxima_are_summed_in_single_precision(dtype):
    x = np.zeros((1, 29, 1), "float32")
    x[0, 14] = 1  # the maximum of 15 windows
    upstream = np.random.default_rng(0).uniform(0.5, 1.5, (1, 15, 1)).astype("float32")

    def function(x):
        return keras.ops.cast(ops.max_pool(keras.ops.cast(x, dtype), 15, 1), "float32")

    (found,) = gradients(function, [x], [upstream])
    expected = to_numpy(keras.ops.cast(upstream, dtype)).sum(dtype="float64")
    np.testing.assert_allclose(found[0, 14, 0], expected, rtol=ROUNDING[dtype])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("size", [26, 27, 32, 63])
@pytest.mark.parametrize(("stride", "padding"), [(1, (0, 0)), (5, (3, 1)), (40, (0, 9))])
def test_long_windows_equal_the_loop(size, stride, padding):
    image = np.random.default_rng(0).normal(size=(2, 70, 2)).astype("float32")
    settings = (size,), (stride,), (padding,)
    expected = reference.average_pool(image, *settings)
    (found,) = outputs(lambda x: ops.average_pool(x, *settings), [image])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    upstream = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    (gradient,) = gradients(lambda x: ops.average_pool(x, *settings), [image], [upstream])
    # it is linear: ⟨upstream, pool(x)⟩ = ⟨gradient, x⟩
    np.testing.assert_allclose(np.vdot(gradient, image), np.vdot(upstream, expected), rtol=1e-4)
    counted = reference.average_pool(np.eye(70)[None], *settings)[0]
    expected = np.einsum("bic,ij->bjc", upstream, counted)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("value", [np.ones((1, 4, 1), "complex64"), "abc"])
@pytest.mark.parametrize("op", [ops.max_pool, ops.average_pool])
def test_other_types_are_refused_by_name(op, value):
    with pytest.raises(ValueError, match="Argument `inputs` must be a tensor of real numbers"):
        op(value, 2)


@pytest.mark.parametrize("op", [ops.max_pool, ops.average_pool])
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"inputs": np.ones((2, 3), "float32")}, "inputs"),
        ({"pool_size": b"\2\2"}, "pool_size"),
        ({"strides": b"\2\2"}, "strides"),
        ({"padding": b"\1\1"}, "padding"),
        ({"padding": (b"\1\1", 0)}, "padding"),
        ({"training": "no"}, "training"),
    ],
)
def test_bad_arguments_are_named(op, arguments, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        op(**{"inputs": np.ones((1, 4, 4, 1), "float32"), "pool_size": 2, **arguments})


@pytest.mark.usefixtures("way", "averages")
@pytest.mark.parametrize("op", [ops.max_pool, ops.average_pool])
def test_an_empty_batch_gives_an_empty_batch(op):
    image = np.zeros((0, 7, 6, 3), "float32")
    upstream = np.zeros((0, 4, 3, 3), "float32")
    (found,) = outputs(lambda x: op(x, 3, 2, "same"), [image])
    (gradient,) = gradients(lambda x: op(x, 3, 2, "same"), [image], [upstream])
    assert found.shape == upstream.shape and gradient.shape == image.shape


def test_a_window_of_padding_and_minus_infinity_hands_its_gradient_to_no_padding():
    image = np.full((1, 2, 2, 1), -np.inf, "float32")
    upstream = np.arange(1, 10, dtype="float32").reshape(1, 3, 3, 1)
    (found,) = gradients(lambda x: ops.max_pool(x, 2, 1, 1), [image], [upstream])
    np.testing.assert_array_equal(found[0, :, :, 0], [[1 + 2 + 4 + 5, 3 + 6], [7 + 8, 9]])


@only_on("tensorflow", reason="is about tf.data")
@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float16"])
def test_pools_in_a_pipeline_of_data(dtype):
    import tensorflow as tf

    image = _whole(dtype) if dtype != "float16" else _whole("uint8").astype(dtype)
    data = tf.data.Dataset.from_tensors(image).map(
        lambda x: (ops.max_pool(x, 2), ops.average_pool(x, 2))
    )
    for largest, mean in data:
        assert (dtype_of(largest), dtype_of(mean)) == (
            dtype,
            "float16" if dtype == "float16" else "float32",
        )
        plain = ((2, 2), (2, 2), ((0, 0), (0, 0)))
        np.testing.assert_array_equal(to_numpy(largest), reference.max_pool(image * 1.0, *plain))
        expected = reference.average_pool(image.astype("float64"), *plain)
        np.testing.assert_allclose(to_numpy(mean), expected, rtol=1e-3)
