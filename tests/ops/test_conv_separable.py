"""Depthwise convolution and separable kernels against loops, autodiff, differences, PyTorch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from keras_dlnotes.ops.conv_separable import low_rank
from tests import reference
from tests.backends import only_on
from tests.gradcheck import (
    assert_close,
    check_gradients,
    check_unknown_sizes,
    compare_gradients,
    gradients,
    outputs,
)

# lengths, kernel size, strides, padding, dilation, filters per channel
GEOMETRIES = [
    ((7,), (3,), (1,), ((1, 1),), (1,), 1),
    ((8,), (2,), (3,), ((0, 4),), (2,), 2),
    ((6, 7), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((6, 5), (2, 2), (1, 1), ((3, 3), (2, 4)), (1, 1), 1),  # more padding than kernel
    ((7, 6), (3, 2), (2, 2), ((1, 0), (2, 1)), (1, 1), 2),
    ((7, 6), (3, 2), (2, 3), ((1, 0), (0, 1)), (1, 1), 2),  # two strides
    ((7, 8), (3, 3), (1, 1), ((2, 2), (0, 1)), (2, 3), 2),
    ((7, 7), (3, 2), (2, 1), ((2, 2), (0, 1)), (2, 1), 1),
    ((4, 4, 5), (2, 1, 2), (1, 2, 1), ((1, 1), (0, 0), (0, 1)), (1, 1, 1), 2),
]
IDS = [f"{len(g[0])}-D {g[1]}/{g[2]} d={g[4]} n={g[5]}" for g in GEOMETRIES]
GRID = pytest.mark.parametrize(
    ("lengths", "size", "strides", "padding", "dilation", "multiplier"), GEOMETRIES, ids=IDS
)
CHANNELS = 3


def _arrays(lengths, size, multiplier, dtype="float32"):
    generator = np.random.default_rng(0)
    image = generator.normal(size=(2, *lengths, CHANNELS))
    kernel = generator.normal(size=(*size, CHANNELS, multiplier))
    return [image.astype(dtype), kernel.astype(dtype)]


def test_depthwise_separable_convolution_in_the_notes():
    """12×12×3 with three 5×5 kernels gives 8×8×3, and with a 1×1 convolution 8×8×1."""
    image, kernel = np.ones((1, 12, 12, 3), "float32"), np.ones((5, 5, 3, 1), "float32")
    filtered = ops.depthwise_conv(image, kernel)
    assert tuple(filtered.shape) == (1, 8, 8, 3)
    mixed = ops.conv(filtered, np.ones((1, 1, 3, 1), "float32"))
    assert tuple(mixed.shape) == (1, 8, 8, 1)
    assert keras.ops.convert_to_numpy(mixed).max() == 5 * 5 * 3


@GRID
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_equals_the_loop(lengths, size, strides, padding, dilation, multiplier, data_format):
    image, kernel = _arrays(lengths, size, multiplier)
    grouped = kernel.reshape(*size, 1, CHANNELS * multiplier)
    expected = reference.convolve(image, grouped, strides, padding, dilation, groups=CHANNELS)
    bias = np.arange(CHANNELS * multiplier, dtype="float32")
    expected = expected + bias
    if data_format == "channels_first":
        image, expected = np.moveaxis(image, -1, 1), np.moveaxis(expected, -1, 1)
    found = outputs(
        lambda x, k, b: ops.depthwise_conv(x, k, b, strides, padding, data_format, dilation),
        [image, kernel, bias],
    )
    assert_close(found, [expected])


def _plain(strides, padding, dilation):
    """One channel after the other, convolved by Keras."""

    def function(image, kernel):
        padded = keras.ops.pad(image, ((0, 0), *padding, (0, 0)))
        channels = [
            keras.ops.conv(
                padded[..., c : c + 1],
                kernel[..., c : c + 1, :],
                1,
                "valid",
                "channels_last",
                dilation,
            )
            for c in range(CHANNELS)
        ]
        dense = keras.ops.concatenate(channels, axis=-1)
        return dense[(slice(None), *(slice(None, None, s) for s in strides))]

    return function


@pytest.mark.usefixtures("way")
@GRID
def test_gradients_equal_autodiff(lengths, size, strides, padding, dilation, multiplier):
    compare_gradients(
        lambda x, k: ops.depthwise_conv(x, k, None, strides, padding, None, dilation),
        _plain(strides, padding, dilation),
        _arrays(lengths, size, multiplier),
    )


@only_on("tensorflow", reason="needs float64")
@GRID
def test_gradients_equal_finite_differences(lengths, size, strides, padding, dilation, multiplier):
    check_gradients(
        lambda x, k: ops.depthwise_conv(x, k, None, strides, padding, None, dilation),
        _arrays(lengths, size, multiplier),
    )


def test_random_configurations_equal_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    generator = np.random.default_rng(6)
    for rank in (1, 2):
        for _ in range(8):
            multiplier = int(generator.integers(1, 3))
            size, strides, dilation = generator.integers(1, 4, (3, rank)).tolist()
            padding = generator.integers(0, 3, rank).tolist()
            image = generator.normal(size=(2, 3, *generator.integers(7, 10, rank)))
            image = image.astype("float32")
            kernel = generator.normal(size=(*size, 3, multiplier)).astype("float32")
            tensor = torch.tensor(image, requires_grad=True)
            grouped = np.moveaxis(kernel.reshape(*size, 1, -1), (-1, -2), (0, 1))
            weight = torch.tensor(grouped, requires_grad=True)
            expected = getattr(torch.nn.functional, f"conv{rank}d")(
                tensor, weight, None, strides, padding, dilation, groups=3
            )
            upstream = generator.normal(size=expected.shape).astype("float32")
            expected.backward(torch.tensor(upstream))

            def ours(x, k, strides=strides, padding=padding, dilation=dilation):
                return ops.depthwise_conv(x, k, None, strides, padding, "channels_first", dilation)

            assert_close(outputs(ours, [image, kernel]), [expected.detach().numpy()])
            kernel_gradient = np.moveaxis(weight.grad.numpy(), (0, 1), (-1, -2))
            assert_close(
                gradients(ours, [image, kernel], [upstream]),
                [tensor.grad.numpy(), kernel_gradient.reshape(kernel.shape)],
            )


@only_on("tensorflow", reason="is about unknown sizes")
@pytest.mark.parametrize(
    ("strides", "padding", "dilation"), [(1, "same", 1), (2, "same", 1), (1, 1, 2), (2, 1, 2)]
)
def test_sizes_unknown_until_the_call(strides, padding, dilation):
    _, kernel = _arrays((1, 1), (3, 3), 2)
    images = [_arrays(lengths, (3, 3), 2)[0] for lengths in ((5, 6), (7, 5))]
    check_unknown_sizes(
        lambda x: ops.depthwise_conv(x, kernel, None, strides, padding, None, dilation),
        (None, None, None, CHANNELS),
        images,
    )


def test_kernel_of_other_channels_is_named():
    image, kernel = _arrays((5, 5), (3, 3), 1)
    with pytest.raises(ValueError, match=r"`kernel` must be .* for 2 channels"):
        ops.depthwise_conv(image[..., :2], kernel)


@pytest.mark.parametrize(
    ("kernel", "column", "row"),
    [
        ([[3, 6, 9], [4, 8, 12], [5, 10, 15]], [3, 4, 5], [1, 2, 3]),
        ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [1, 2, 1], [-1, 0, 1]),
    ],
)
def test_separable_kernels_in_the_notes(kernel, column, row):
    assert np.outer(column, row).tolist() == kernel
    found_column, found_row, residual = ops.separate_kernel(kernel)
    np.testing.assert_allclose(found_column / found_column[0] * column[0], column)
    np.testing.assert_allclose(found_row / found_row[-1] * row[-1], row, atol=1e-12)
    np.testing.assert_allclose(np.outer(found_column, found_row), kernel, atol=1e-12)
    assert 0 <= residual < 1e-12


def test_no_pair_of_vectors_is_closer():
    """Alternating least squares from many starts never finds a better one."""
    generator = np.random.default_rng(0)
    kernel = generator.normal(size=(5, 4))
    column, row, residual = ops.separate_kernel(kernel)
    error = np.linalg.norm(kernel - np.outer(column, row)) / np.linalg.norm(kernel)
    np.testing.assert_allclose(error, residual)
    for _ in range(20):
        right = generator.normal(size=4)
        for _ in range(50):
            left = kernel @ right / (right @ right)
            right = kernel.T @ left / (left @ left)
        other = np.linalg.norm(kernel - np.outer(left, right)) / np.linalg.norm(kernel)
        assert other >= residual - 1e-12


def test_all_zeros_are_separable():
    column, row, residual = ops.separate_kernel(np.zeros((3, 3)))
    assert (column.tolist(), row.tolist(), residual) == ([0] * 3, [0] * 3, 0)


@pytest.mark.parametrize("kernel", [np.ones(3), np.ones((3, 3, 1)), [[np.nan, 1.0]]])
def test_bad_kernels_are_named(kernel):
    with pytest.raises(ValueError, match="Argument `kernel` must be"):
        ops.separate_kernel(kernel)


def test_low_rank_fills_up_with_zeros():
    left, right, residual = low_rank(np.eye(2), 4)
    assert left.shape == (2, 4) and right.shape == (4, 2)
    np.testing.assert_allclose(left @ right, np.eye(2), atol=1e-12)
    assert residual == 0
