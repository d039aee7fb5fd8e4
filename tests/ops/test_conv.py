"""Convolution against literal loops, autodiff, finite differences, its adjoint and PyTorch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from keras_dlnotes.ops.conv_arguments import conv_window
from tests import reference
from tests.backends import only_on
from tests.exporting import as_exported
from tests.gradcheck import (
    assert_close,
    check_gradients,
    check_unknown_sizes,
    compare_gradients,
    gradients,
    outputs,
)

# lengths, kernel size, strides, padding, dilation, groups
GEOMETRIES = [
    ((7,), (3,), (1,), ((1, 1),), (1,), 1),
    ((8,), (2,), (3,), ((0, 4),), (2,), 2),
    ((6, 7), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((7, 6), (3, 2), (2, 3), ((1, 0), (2, 1)), (1, 1), 1),
    ((6, 5), (2, 2), (1, 1), ((3, 3), (2, 4)), (1, 1), 1),  # more padding than kernel
    ((7, 7), (3, 3), (1, 2), ((2, 2), (0, 1)), (2, 1), 1),
    ((6, 6), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 2),
    ((4, 5, 6), (2, 3, 1), (2, 1, 2), ((1, 0), (1, 1), (0, 0)), (1, 1, 1), 1),
    ((4, 4, 5), (2, 1, 2), (1, 2, 1), ((1, 1), (0, 0), (0, 1)), (2, 1, 1), 2),
]
IDS = [f"{len(g[0])}-D {g[1]}/{g[2]} d={g[4]} g={g[5]}" for g in GEOMETRIES]
GRID = pytest.mark.parametrize(
    ("lengths", "size", "strides", "padding", "dilation", "groups"), GEOMETRIES, ids=IDS
)


def _arrays(lengths, size, groups, dtype="float32"):
    generator = np.random.default_rng(0)
    image = generator.normal(size=(2, *lengths, 2 * groups))
    kernel = generator.normal(size=(*size, 2, 3 * groups))
    return [image.astype(dtype), kernel.astype(dtype)]


def test_convolution_is_a_cross_correlation():
    """The notes' 3×3 image a…i under the 2×2 kernel j…m: S(1,1) = aj + bk + dl + em."""
    image = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    kernel = np.array([[1.0, 2], [3, 4]]).reshape(2, 2, 1, 1)
    expected = [[1 + 4 + 12 + 20, 2 + 6 + 15 + 24], [4 + 10 + 21 + 32, 5 + 12 + 24 + 36]]
    found = reference.convolve(image, kernel, (1, 1), ((0, 0), (0, 0)), (1, 1))
    assert found[0, :, :, 0].tolist() == expected
    (found,) = outputs(ops.conv, [image.astype("float32"), kernel.astype("float32")])
    assert found[0, :, :, 0].tolist() == expected


def test_filter_over_rgb_has_27_weights():
    kernel = np.ones((3, 3, 3, 1), "float32")
    assert kernel.size == 27
    (found,) = outputs(ops.conv, [np.ones((1, 3, 3, 3), "float32"), kernel])
    assert found.item() == 27


@GRID
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_equals_the_loop(lengths, size, strides, padding, dilation, groups, data_format):
    image, kernel = _arrays(lengths, size, groups)
    expected = reference.convolve(image, kernel, strides, padding, dilation, groups)
    bias = np.arange(kernel.shape[-1], dtype="float32")
    expected = expected + bias
    if data_format == "channels_first":
        image, expected = np.moveaxis(image, -1, 1), np.moveaxis(expected, -1, 1)
    found = outputs(
        lambda x, k, b: ops.conv(x, k, b, strides, padding, data_format, dilation),
        [image, kernel, bias],
    )
    assert_close(found, [expected])


def _plain(strides, padding, dilation):
    """The same convolution as Keras would do it: padded first, dense, then every s-th output."""

    def function(image, kernel):
        padded = keras.ops.pad(image, ((0, 0), *padding, (0, 0)))
        dense = keras.ops.conv(padded, kernel, 1, "valid", "channels_last", dilation)
        return dense[(slice(None), *(slice(None, None, s) for s in strides))]

    return function


@pytest.mark.usefixtures("way")
@GRID
def test_gradients_equal_autodiff(lengths, size, strides, padding, dilation, groups):
    compare_gradients(
        lambda x, k: ops.conv(x, k, None, strides, padding, None, dilation),
        _plain(strides, padding, dilation),
        _arrays(lengths, size, groups),
    )


@only_on("tensorflow", reason="needs float64")
@GRID
def test_gradients_equal_finite_differences(lengths, size, strides, padding, dilation, groups):
    check_gradients(
        lambda x, k: ops.conv(x, k, None, strides, padding, None, dilation),
        _arrays(lengths, size, groups),
    )


@GRID
def test_adjoint_identities(lengths, size, strides, padding, dilation, groups):
    """⟨K ∗ x, D⟩ = ⟨x, ∂/∂x⟩ = ⟨K, ∂/∂K⟩, since the map is linear in both."""
    arrays = _arrays(lengths, size, groups)

    def function(x, k):
        return ops.conv(x, k, None, strides, padding, None, dilation)

    (found,) = outputs(function, arrays)
    upstream = np.random.default_rng(1).normal(size=found.shape).astype("float32")
    pairing = np.vdot(found, upstream)
    for array, gradient in zip(arrays, gradients(function, arrays, [upstream]), strict=True):
        np.testing.assert_allclose(np.vdot(array, gradient), pairing, rtol=1e-4, atol=1e-3)


def test_random_configurations_equal_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    generator = np.random.default_rng(5)
    for rank in (1, 2, 3):
        for _ in range(8):
            groups = int(generator.integers(1, 3))
            size, strides, dilation = generator.integers(1, 4, (3, rank)).tolist()
            padding = generator.integers(0, 3, (rank, 2)).tolist()
            image = generator.normal(size=(2, 2 * groups, *generator.integers(7, 10, rank)))
            kernel = generator.normal(size=(*size, 2, 2 * groups))
            arrays = [image.astype("float32"), kernel.astype("float32")]
            tensor = torch.tensor(arrays[0], requires_grad=True)
            weight = torch.tensor(np.moveaxis(arrays[1], (-1, -2), (0, 1)), requires_grad=True)
            around = [side for pair in reversed(padding) for side in pair]
            expected = getattr(torch.nn.functional, f"conv{rank}d")(
                torch.nn.functional.pad(tensor, around),
                weight,
                stride=strides,
                dilation=dilation,
                groups=groups,
            )
            upstream = generator.normal(size=expected.shape).astype("float32")
            expected.backward(torch.tensor(upstream))
            kernel_gradient = np.moveaxis(weight.grad.numpy(), (0, 1), (-1, -2))

            def ours(x, k, strides=strides, padding=padding, dilation=dilation):
                return ops.conv(x, k, None, strides, padding, "channels_first", dilation)

            assert_close(outputs(ours, arrays), [expected.detach().numpy()])
            assert_close(
                gradients(ours, arrays, [upstream]), [tensor.grad.numpy(), kernel_gradient]
            )


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_words_give_what_keras_gives(padding, strides):
    for arrays in (
        _arrays((8,), (3,), 1),
        _arrays((7, 8), (3, 2), 1),
        _arrays((5, 4, 6), (2,) * 3, 1),
    ):
        compare_gradients(
            lambda x, k: ops.conv(x, k, None, strides, padding),
            lambda x, k: keras.ops.conv(x, k, strides, padding),
            arrays,
        )


@pytest.mark.parametrize("settings", [(None, 1, "same"), (None, 2, "same", None, 2), (None, 2, 1)])
def test_what_is_exported_equals_what_is_not(settings):
    for arrays in (_arrays((8,), (3,), 1), _arrays((7, 8), (3, 2), 1), _arrays((7, 8), (3, 2), 2)):

        def function(x, k):
            return ops.conv(x, k, *settings)

        assert_close(outputs(as_exported(function), arrays), outputs(function, arrays))


def test_types_are_promoted_as_keras_promotes_them():
    """A float64 kernel out of NumPy, and an image of bytes."""
    image, kernel = _arrays((5, 5), (3, 3), 1)
    expected = outputs(ops.conv, [image, kernel])
    found = ops.conv(image, kernel.astype("float64"), np.zeros(3, "int32"))
    assert_close([keras.ops.convert_to_numpy(found)], expected)
    pixels = np.round(np.abs(image) * 50).astype("uint8")
    found = ops.conv(pixels, kernel)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert_close(
        [keras.ops.convert_to_numpy(found)], outputs(ops.conv, [pixels.astype("f"), kernel])
    )


@pytest.mark.thorough
@only_on("tensorflow", reason="is about unknown sizes")
@pytest.mark.parametrize(
    ("rank", "strides", "padding"), [(1, 2, "same"), (2, 2, "same"), (2, 1, 1), (3, 2, "same")]
)
def test_sizes_unknown_until_the_call(rank, strides, padding):
    _, kernel = _arrays((1,) * rank, (3,) * rank, 1)
    images = [_arrays(lengths[:rank], (3,) * rank, 1)[0] for lengths in ((5, 6, 4), (6, 5, 7))]
    check_unknown_sizes(
        lambda x: ops.conv(x, kernel, None, strides, padding), (None,) * (rank + 1) + (2,), images
    )


@only_on("tensorflow", reason="is about the TensorFlow seam")
def test_second_gradient():
    """(K ∗ x)² has a second gradient that goes through the plain forward."""
    import tensorflow as tf

    image, kernel = (tf.constant(array) for array in _arrays((5, 5), (3, 3), 1))

    def second(function):
        with tf.GradientTape() as outer:
            outer.watch(image)
            with tf.GradientTape() as inner:
                inner.watch(image)
                total = tf.reduce_sum(function(image, kernel) ** 3)
            first = tf.reduce_sum(inner.gradient(total, image) ** 2)
        return outer.gradient(first, image).numpy()

    padding = ((1, 1), (0, 1))
    found = second(lambda x, k: ops.conv(x, k, None, 2, padding))
    assert_close([found], [second(_plain((2, 2), padding, (1, 1)))])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"strides": 0}, "strides"),
        ({"strides": (1, 1, 1)}, "strides"),
        ({"padding": -1}, "padding"),
        ({"padding": "causal"}, "padding"),
        ({"padding": (1, 1, 1)}, "padding"),
        ({"dilation_rate": 0}, "dilation_rate"),
        ({"dilation_rate": 3}, "kernel"),
        ({"data_format": "NCHW"}, "data_format"),
        ({"kernel": np.zeros((3, 3, 3, 2), "float32")}, "kernel"),
        ({"inputs": np.zeros((5, 5, 2), "float32")}, "inputs"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    image, kernel = _arrays((5, 5), (3, 3), 1)
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        ops.conv(**{"inputs": image, "kernel": kernel, **arguments})


def test_window_is_checked_by_the_layer_too():
    with pytest.raises(ValueError, match="`kernel_size` must be an integer ≥ 1 or 2 of them"):
        conv_window((3, 3, 3), 1, 0, 1, rank=2)
