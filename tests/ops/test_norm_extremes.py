"""Batch normalization of extreme values, many rows, no rows, and every type."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from keras_dlnotes.ops.backends.current import framework
from tests.backends import only_on
from tests.gradcheck import gradients, outputs
from tests.tensors import dtype_of

pytestmark = pytest.mark.usefixtures("small_or_large")
to_numpy = keras.ops.convert_to_numpy


def _exact(x, epsilon):
    x = x.astype("float64")
    mean, variance = x.mean(0), x.var(0)
    return (x - mean) / np.sqrt(variance + epsilon), mean, variance


def _exact_gradient(x, upstream, epsilon):
    normalized, _, variance = _exact(x, epsilon)
    along = (upstream * normalized).mean(0)
    return (upstream - upstream.mean(0) - normalized * along) / np.sqrt(variance + epsilon)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("rows", [6, 3000])
@pytest.mark.parametrize(
    ("scale", "epsilon"),
    [(1e4, 1e-3), (1e15, 1e-3), (1e30, 1e-3), (1e33, 1e-3), (1e-3, 1e-12), (1e-25, 0.0)],
)
def test_values_of_any_size(scale, epsilon, rows, masked):
    """Each feature has another magnitude, so that one scale for all would fail."""
    generator = np.random.default_rng(0)
    x = (generator.uniform(-1, 1, (rows, 2)) * [scale, 1]).astype("float32")
    upstream = generator.normal(size=x.shape).astype("float32")
    mask = np.ones(rows, bool) if masked else None

    def function(x):
        return ops.batch_normalize(x, epsilon=epsilon, mask=mask)[0]

    (found,) = outputs(function, [x])
    np.testing.assert_allclose(found, _exact(x, epsilon)[0], atol=1e-5)
    (gradient,) = gradients(function, [x], [upstream])
    expected = _exact_gradient(x, upstream, epsilon)
    size = np.abs(expected).max(0)
    np.testing.assert_allclose(gradient / size, expected / size, atol=1e-4)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("offset", [2.0**49, 2.0**60, 2.0**100])
def test_large_values_that_differ_in_their_last_digits(offset):
    steps = np.array([[0], [1], [3], [-2]] * 8)
    x = (offset * (1 + steps * 2.0**-22)).astype("float32")
    (found,) = outputs(lambda x: ops.batch_normalize(x)[0], [x])
    np.testing.assert_allclose(found, _exact(x, 1e-3)[0], atol=1e-4)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("shape", [(256, 8), (16, 12, 12, 8)])
def test_a_small_deviation_around_a_large_mean(shape):
    """1e4 ± 1e-2, where Keras errs by 3e-2."""
    x = np.random.default_rng(0).normal(1e4, 1e-2, shape).astype("float32")
    (found,) = outputs(lambda x: ops.batch_normalize(x)[0], [x])
    expected = _exact(x.reshape(-1, 8), 1e-3)[0].reshape(shape)
    tolerance = 5e-6 if framework().prefers_own_kernels else 5e-7
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.usefixtures("way")
def test_plus_and_minus_the_largest_become_plus_and_minus_one():
    for size in (1e30, 3e38):
        x = np.array([[size], [-size]] * 8, "float32")
        found, mean, variance = outputs(ops.batch_normalize, [x])
        np.testing.assert_allclose(found, np.sign(x), atol=1e-6)
        assert abs(mean) < 1e-6 * size and variance == np.inf


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_ends_of_half_precision(dtype):
    for size in (6e4, 6e-5):
        x = keras.ops.cast(np.array([[size], [-size]] * 8, "float32"), dtype)
        found = ops.batch_normalize(x, epsilon=1e-12)[0]
        assert dtype_of(found) == dtype
        expected = np.sign(to_numpy(keras.ops.cast(x, "float32")))
        np.testing.assert_allclose(to_numpy(keras.ops.cast(found, "float32")), expected, atol=5e-3)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("rows", [1000, 100_000])
def test_statistics_of_many_terms(rows, dtype):
    """With 10³ and 10⁵ rows, which PyTorch's kernel adds one after the other."""
    x = keras.ops.cast(np.random.default_rng(0).normal(3, 1, (rows, 4)), dtype)
    exact = to_numpy(keras.ops.cast(x, "float32")).astype("float64")
    found, mean, variance = (
        to_numpy(keras.ops.cast(entry, "float32")) for entry in ops.batch_normalize(x)
    )
    expected, *moments = _exact(exact, 1e-3)
    in_turn = framework().prefers_own_kernels
    np.testing.assert_allclose(mean, moments[0], rtol=1e-6 if in_turn else 5e-7)
    np.testing.assert_allclose(variance, moments[1], rtol=5e-5 if in_turn else 2e-6)
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 5e-5 if in_turn else 1e-5}[dtype]
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("rows", [1000, 100_000])
def test_gradients_of_many_terms(rows):
    generator = np.random.default_rng(0)
    x = generator.normal(3, 1, (rows, 2)).astype("float32")
    upstream = generator.uniform(0, 1, x.shape).astype("float32")
    ones = np.ones(2, "float32")
    found = gradients(lambda *args: ops.batch_normalize(*args)[0], [x, ones, ones], [upstream])
    normalized, _, _ = _exact(x, 1e-3)
    tolerance = 5e-5 if framework().prefers_own_kernels else 2e-6
    np.testing.assert_allclose(found[0], _exact_gradient(x, upstream, 1e-3), atol=tolerance)
    np.testing.assert_allclose(found[2], upstream.sum(0, dtype="float64"), rtol=tolerance)
    expected = (upstream * normalized).sum(0)
    np.testing.assert_allclose(found[1], expected, atol=tolerance * rows)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("shape", [(0, 3), (0, 4, 3), (4, 0), (2, 3, 0)])
def test_no_rows_and_no_features(shape):
    x = np.zeros(shape, "float32")
    found = outputs(ops.batch_normalize, [x])
    assert [entry.shape for entry in found] == [shape, shape[-1:], shape[-1:]]
    assert all(np.isfinite(entry).all() for entry in found)
    (gradient,) = gradients(lambda x: ops.batch_normalize(x)[0], [x], [x])
    assert gradient.shape == shape


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int32", "int64"])
def test_whole_numbers_come_out_in_floatx(dtype):
    x = (np.random.default_rng(0).integers(0, 2, (8, 3)) * 100).astype(dtype)
    found = ops.batch_normalize(x)
    assert [dtype_of(entry) for entry in found] == ["float32"] * 3
    expected = _exact(x.astype("float64"), 1e-3)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(left), right, rtol=1e-5, atol=1e-5)


@only_on("tensorflow", reason="needs float64")
def test_values_of_any_size_in_double_precision():
    x = np.array([[1e200], [-1e200], [3e200]])
    np.testing.assert_allclose(outputs(ops.batch_normalize, [x])[0], _exact(x / 1e200, 0)[0])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"gamma": np.ones(())}, "gamma"),
        ({"gamma": np.ones(1)}, "gamma"),
        ({"gamma": np.ones((4, 3))}, "gamma"),
        ({"beta": np.ones(4)}, "beta"),
        ({"beta": np.ones((1, 3))}, "beta"),
        ({"gamma": "abc"}, "gamma"),
        ({"mask": np.ones(3, bool)}, "mask"),
        ({"mask": np.ones((4, 3), bool)}, "mask"),
        ({"mask": "abc"}, "mask"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"epsilon": "1"}, "epsilon"),
        ({"epsilon": True}, "epsilon"),
        ({"axis": "1"}, "axis"),
        ({"axis": [1]}, "axis"),
        ({"axis": -3}, "axis"),
        ({"inputs": np.ones((4, 3), "complex64")}, "inputs"),
        ({"inputs": "abc"}, "inputs"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be (.|\n)*Received: {name}="):
        ops.batch_normalize(**{"inputs": np.ones((4, 3), "float32"), **arguments})
