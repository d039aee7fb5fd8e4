"""Maxima of long windows, by doublings: against literal loops, autodiff and PyTorch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from keras_dlnotes.ops import pool
from keras_dlnotes.ops.pool_passes import max_pool_backward, max_pool_forward
from keras_dlnotes.ops.windows import Window
from tests import reference
from tests.backends import only_on
from tests.gradcheck import (
    assert_close,
    check_gradients,
    compare_gradients,
    gradients,
    outputs,
    second_gradients,
)

# size, stride, padding: a power of two, one more, overlaps, gaps, much padding on either side
GEOMETRIES = [
    (26, 1, (0, 0)),
    (32, 3, (31, 0)),
    (33, 7, (4, 32)),
    (40, 45, (0, 9)),
    (63, 1, (20, 20)),
]
LENGTH = 70


def _image(kind="distinct", seed=0):
    image = np.random.default_rng(seed).normal(size=(2, LENGTH, 2))
    return (np.round(image * 2) if kind == "ties" else image).astype("float32")


def _pool(size, stride, padding):
    return lambda x: ops.max_pool(x, size, stride, (padding,))


def _both(size, stride, padding, image):
    """Values and gradients, found and expected."""
    settings = (size,), (stride,), (padding,)
    expected = reference.max_pool(image, *settings)
    upstream = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    function = _pool(size, stride, padding)
    (found,) = outputs(function, [image])
    (gradient,) = gradients(function, [image], [upstream])
    return (found, gradient), (
        expected,
        reference.max_pool_gradient(image, upstream, *settings),
    )


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize("kind", ["distinct", "ties"])
def test_long_windows_equal_the_loop(size, stride, padding, kind):
    found, expected = _both(size, stride, padding, _image(kind))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)


@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
def test_minus_infinity_beats_the_padding(size, stride, padding):
    image = _image()
    image[0] = -np.inf
    image[1, :40] = -np.inf
    if keras.backend.backend() == "torch":
        pytest.skip("PyTorch's kernel hands the gradient to the padding")
    found, expected = _both(size, stride, padding, image)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
def test_nan_equals_pytorch(size, stride, padding):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    image = _image()
    image[np.random.default_rng(2).random(image.shape) < 0.03] = np.nan
    tensor = torch.tensor(image, requires_grad=True)
    padded = torch.nn.functional.pad(tensor.movedim(-1, 1), padding, value=-np.inf)
    expected = torch.nn.functional.max_pool1d(padded, size, stride).movedim(1, -1)
    upstream = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    expected.backward(torch.tensor(upstream))
    function = _pool(size, stride, padding)
    np.testing.assert_array_equal(outputs(function, [image])[0], expected.detach().numpy())
    (gradient,) = gradients(function, [image], [upstream])
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "bfloat16"])
def test_every_type(dtype):
    image = np.random.default_rng(0).integers(0, 200, (2, LENGTH, 2))
    found = ops.max_pool(keras.ops.cast(image, dtype), 33, 7, ((4, 32),))
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    exact = keras.ops.convert_to_numpy(keras.ops.cast(image, dtype)).astype("float64")
    expected = reference.max_pool(exact, (33,), (7,), ((4, 32),))
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(keras.ops.cast(found, "float32")), expected
    )


@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize("kind", ["distinct", "ties", "minus infinity"])
def test_positions_equal_the_loop(size, stride, padding, kind):
    image = _image(kind)
    if kind == "minus infinity":
        image[:, :50] = -np.inf
    settings = (size, 1), (stride, 1), (padding, (0, 0))
    _, found = ops.max_pool(image[:, :, None], *settings, return_indices=True)
    expected = reference.max_pool_indices(image[:, :, None], *settings)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), expected)


@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
def test_the_adjoint_equals_autodiff_of_the_plain_forward(size, stride, padding):
    window = Window((size,), (stride,), (padding,), (1,), (1,))
    image = _image()
    compare_gradients(
        lambda x: pool._max_pool(x, window=window),
        lambda x: max_pool_forward(x, window=window)[0],
        [image],
    )
    (expected,) = gradients(
        lambda x: max_pool_forward(x, window=window)[0],
        [image],
        [np.ones_like(reference.max_pool(image, (size,), (stride,), (padding,)))],
    )
    (values,) = outputs(lambda x: max_pool_forward(x, window=window)[0], [image])
    (gradient,) = max_pool_backward(
        keras.ops.ones_like(values), (keras.ops.convert_to_tensor(image),), (), window=window
    )
    assert_close([keras.ops.convert_to_numpy(gradient)], [expected])


@only_on("tensorflow", reason="needs float64")
def test_gradient_equals_finite_differences():
    check_gradients(_pool(33, 7, (4, 32)), [_image()])


@pytest.mark.usefixtures("way")
def test_second_gradient_is_that_of_a_short_window_twice():
    """The maximum of 5 and then of 6 neighbours is that of 5 times 6, strides and all."""

    def twice(x):
        return ops.max_pool(ops.max_pool(x, 5), 6)

    (found,), (expected,) = (
        second_gradients(function, [_image()]) for function in (_pool(30, 30, (0, 0)), twice)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@only_on("tensorflow", reason="whose graphs can be counted")
@pytest.mark.parametrize("return_indices", [False, True])
def test_a_window_of_a_thousand_is_a_small_program(return_indices):
    import tensorflow as tf

    def count(size):
        @tf.function(input_signature=[tf.TensorSpec((2, 1200, 3))])
        def step(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = ops.max_pool(x, size, 1, return_indices=return_indices)
            return y, tape.gradient(y[0] if return_indices else y, x)

        return len(step.get_concrete_function().graph.get_operations())

    assert count(998) < 2 * count(30) < 2000
