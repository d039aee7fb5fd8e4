"""Batch normalization against literal loops, autodiff, finite differences and PyTorch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from keras_dlnotes.ops import norm
from tests.backends import only_on
from tests.gradcheck import (
    assert_close,
    check_gradients,
    compare_gradients,
    gradients,
    outputs,
    second_gradients,
)

pytestmark = pytest.mark.usefixtures("small_or_large")

# fewer rows than are added together, a multiple of them, and a rest
SHAPES = [((5, 3), -1), ((32, 3), 1), ((4, 5, 2, 3), -1), ((4, 3, 7), 1)]
EPSILON = 1e-3


def _arrays(shape, axis, seed=0):
    generator = np.random.default_rng(seed)
    features = shape[axis]
    gamma, beta = generator.uniform(0.5, 2, features), generator.normal(size=features)
    return [entry.astype("float32") for entry in (generator.normal(size=shape) * 3, gamma, beta)]


def _loop(x, gamma, beta, axis, counted=None):
    """One position after the other, in the symbols of the notes."""
    x = np.moveaxis(np.asarray(x, float), axis, -1)
    counted = np.ones(x.shape[:-1], bool) if counted is None else counted
    z_f, means, variances = np.empty_like(x), [], []
    for feature in range(x.shape[-1]):
        values = [x[(*i, feature)] for i in np.ndindex(x.shape[:-1]) if counted[i]]
        mean = sum(values) / max(len(values), 1)
        variance = sum((value - mean) ** 2 for value in values) / max(len(values), 1)
        for i in np.ndindex(x.shape[:-1]):
            z = (x[(*i, feature)] - mean) / np.sqrt(variance + EPSILON)
            z_f[(*i, feature)] = gamma[feature] * z + beta[feature]
        means.append(mean)
        variances.append(variance)
    return [np.moveaxis(z_f, -1, axis), np.array(means), np.array(variances)]


def _normalize(axis, mask=None):
    return lambda x, gamma, beta: ops.batch_normalize(x, gamma, beta, axis, EPSILON, mask)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_equals_the_loop(shape, axis):
    arrays = _arrays(shape, axis)
    assert_close(outputs(_normalize(axis), arrays), _loop(*arrays, axis))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("shape", "axis", "masked"),
    [(*case, masked) for case, masked in zip(SHAPES, [False, True, True, False], strict=True)],
)
def test_hand_written_gradient_equals_autodiff_of_the_plain_forward(shape, axis, masked):
    arrays, settings = _arrays(shape, axis), {"axis": axis % len(shape), "epsilon": EPSILON}
    weights = []
    if masked:
        kept = np.random.default_rng(1).random(shape) < 0.6
        weights = [keras.ops.convert_to_tensor(kept.astype("float32"))]
    compare_gradients(
        lambda *tensors: norm._batch_normalize(*tensors, *weights, **settings)[0],
        lambda *tensors: norm._batch_normalize.plain(*tensors, *weights, **settings)[0],
        arrays,
    )


@only_on("tensorflow", reason="needs float64")
@pytest.mark.parametrize(("shape", "axis"), SHAPES[2:])
def test_gradient_equals_finite_differences(shape, axis):
    arrays = _arrays(shape, axis)
    check_gradients(lambda *tensors: _normalize(axis)(*tensors)[0], arrays)
    mask = np.random.default_rng(1).random(shape[:-1]) < 0.7
    if axis in (-1, len(shape) - 1):
        check_gradients(lambda *tensors: _normalize(axis, mask)(*tensors)[0], arrays)


def test_equals_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for shape in ((6, 3), (2, 3, 4, 5)):
        arrays = _arrays(shape, 1)
        tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
        x, gamma, beta = tensors
        expected = torch.nn.functional.batch_norm(
            x, None, None, gamma, beta, training=True, eps=EPSILON
        )
        upstream = np.random.default_rng(1).normal(size=shape).astype("float32")
        expected.backward(torch.tensor(upstream))

        def ours(*tensors):
            return _normalize(1)(*tensors)[0]

        assert_close(outputs(ours, arrays), [expected.detach().numpy()])
        found = gradients(ours, arrays, [upstream])
        assert_close(found, [tensor.grad.numpy() for tensor in tensors])


@pytest.mark.usefixtures("way")
def test_a_mean_far_from_zero_costs_no_digits():
    """Mean 1e4, deviation 1, float32: the exact result for these inputs, and its gradient."""
    generator = np.random.default_rng(0)
    x = (generator.normal(size=(64, 20, 20, 4)) + 1e4).astype("float32")
    gamma, beta = np.ones(4, "float32"), np.zeros(4, "float32")
    exact = x.astype("float64")
    mean, variance = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
    inverse = 1 / np.sqrt(variance + EPSILON)
    normalized = (exact - mean) * inverse
    found = outputs(_normalize(-1), [x, gamma, beta])
    np.testing.assert_allclose(found[0], normalized, atol=1e-5)
    np.testing.assert_allclose(found[1], mean, atol=1e-3)  # what float32 resolves at 1e4
    np.testing.assert_allclose(found[2], variance, atol=1e-5)

    upstream = generator.normal(size=x.shape).astype("float32")
    expected = inverse * (
        upstream - upstream.mean((0, 1, 2)) - normalized * (upstream * normalized).mean((0, 1, 2))
    )
    (gradient, *_) = gradients(
        lambda *tensors: _normalize(-1)(*tensors)[0], [x, gamma, beta], [upstream]
    )
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 3), (4, 5, 3), (3, 4, 5, 2)])
def test_masked_positions_do_not_count(shape):
    arrays = _arrays(shape, -1)
    mask = np.random.default_rng(1).random(shape[:-1]) < 0.6
    found = outputs(_normalize(-1, mask), arrays)
    assert_close(found, _loop(*arrays, -1, mask))
    arrays[0][~mask] = np.nan
    again = outputs(_normalize(-1, mask), arrays)
    assert_close([again[0][mask], *again[1:]], [found[0][mask], *found[1:]])


def test_a_mask_of_nothing_gives_statistics_of_zero():
    found = outputs(_normalize(-1, np.zeros((4, 5), bool)), _arrays((4, 5, 3), -1))
    np.testing.assert_array_equal(found[1:], np.zeros((2, 3)))
    assert np.isfinite(found[0]).all()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_takes_statistics_in_float32(dtype):
    x, gamma, beta = _arrays((32, 9, 3), -1)
    half = keras.ops.cast(x, dtype)
    found = ops.batch_normalize(half, gamma, beta)
    kinds = [keras.backend.standardize_dtype(entry.dtype) for entry in found]
    assert kinds == [dtype, "float32", "float32"]
    exact = keras.ops.convert_to_numpy(keras.ops.cast(half, "float32"))
    _, mean, variance = _loop(exact, gamma, beta, -1)
    assert_close([keras.ops.convert_to_numpy(entry) for entry in found[1:]], [mean, variance], 1e-6)


def test_without_scale_and_shift():
    x, _, _ = _arrays((7, 3), -1)
    assert_close(
        outputs(lambda x: ops.batch_normalize(x, epsilon=EPSILON), [x]),
        _loop(x, np.ones(3), np.zeros(3), -1),
    )


@pytest.mark.usefixtures("way")
def test_statistics_carry_no_gradient():
    arrays = _arrays((7, 3), -1)
    found = gradients(
        lambda *tensors: _normalize(-1)(*tensors)[1:], arrays, [np.ones(3, "float32")] * 2
    )
    assert all((gradient == 0).all() for gradient in found)


@pytest.mark.usefixtures("way")
def test_second_gradient_is_that_of_the_plain_forward():
    arrays, settings = _arrays((7, 3), -1), {"axis": 1, "epsilon": EPSILON}
    found, expected = (
        second_gradients(lambda *tensors, op=op: op(*tensors, **settings)[0], arrays)
        for op in (norm._batch_normalize, norm._batch_normalize.plain)
    )
    assert_close(found, expected, 1e-4)


@pytest.mark.thorough
@only_on("tensorflow", reason="is about unknown sizes")
def test_sizes_unknown_until_the_call():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3))])
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, mean, variance = ops.batch_normalize(x, epsilon=EPSILON)
            loss = tf.reduce_sum(y**3)
        return y, mean, variance, tape.gradient(loss, x)

    for shape in ((2, 5, 3), (8, 6, 3)):
        x, _, _ = _arrays(shape, -1)
        *found, gradient = [entry.numpy() for entry in step(x)]
        assert_close(found, _loop(x, np.ones(3), np.zeros(3), -1))
        upstream = 3 * found[0] ** 2
        (expected,) = gradients(
            lambda x: ops.batch_normalize(x, epsilon=EPSILON)[0], [x], [upstream]
        )
        assert_close([gradient], [expected])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"axis": 2}, "axis"),
        ({"axis": 0.5}, "axis"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"mask": np.ones((4, 3), bool)}, "mask"),
        ({"inputs": np.ones(4)}, "inputs"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received: {name}="):
        ops.batch_normalize(**{"inputs": np.ones((4, 3)), **arguments})
