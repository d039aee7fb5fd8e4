"""Transposed convolution in groups: each group alone, PyTorch, autodiff, finite differences."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
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

# lengths, kernel size, strides, padding, dilation, output padding, groups, filters of a group
GEOMETRIES = [
    ((4,), (3,), (2,), ((1, 0),), (1,), (1,), 2, 3),
    ((4, 3), (3, 2), (2, 3), ((1, 1), (0, 1)), (1, 1), (1, 2), 2, 1),
    ((4, 4), (3, 3), (1, 1), ((1, 1), (2, 0)), (1, 1), (0, 0), 4, 1),
    ((4, 4), (3, 3), (2, 1), ((2, 2), (1, 3)), (2, 2), (1, 0), 4, 2),
    ((3, 2, 2), (2, 3, 1), (2, 1, 2), ((1, 0), (1, 1), (0, 0)), (1, 1, 1), (0, 0, 1), 2, 2),
]
GRID = pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)


def _arrays(geometry, dtype="float32"):
    lengths, size, *_, groups, filters = geometry
    generator = np.random.default_rng(0)
    image = generator.normal(size=(2, *lengths, 4))
    kernel = generator.normal(size=(*size, filters, 4))
    bias = generator.normal(size=groups * filters)
    return [array.astype(dtype) for array in (image, kernel, bias)]


def _function(geometry, data_format=None):
    _, _, strides, padding, dilation, more, groups, _ = geometry
    arguments = strides, padding, more, data_format, dilation
    return lambda x, k, b: ops.conv_transpose(x, k, b, *arguments, groups=groups)


def _each_group(geometry):
    """The groups one by one, each a transposed convolution of its own channels."""
    _, _, strides, padding, dilation, more, groups, _ = geometry

    def function(image, kernel, bias):
        parts = [
            ops.conv_transpose(x, k, None, strides, padding, more, None, dilation)
            for x, k in zip(
                keras.ops.split(image, groups, -1), keras.ops.split(kernel, groups, -1), strict=True
            )
        ]
        return keras.ops.concatenate(parts, -1) + bias

    return function


@pytest.mark.usefixtures("way")
@GRID
def test_values_and_gradients_are_those_of_each_group(geometry):
    compare_gradients(_function(geometry), _each_group(geometry), _arrays(geometry))


@GRID
def test_channels_first_and_exported(geometry):
    image, kernel, bias = _arrays(geometry)
    (expected,) = outputs(_each_group(geometry), [image, kernel, bias])
    assert_close(outputs(as_exported(_function(geometry)), [image, kernel, bias]), [expected])
    first = np.moveaxis(image, -1, 1)
    found = outputs(_function(geometry, "channels_first"), [first, kernel, bias])
    assert_close(found, [np.moveaxis(expected, -1, 1)])


@only_on("tensorflow", reason="is about converters of TensorFlow")
@pytest.mark.parametrize(
    # TensorFlow itself has no dilated depthwise kernel on a CPU, as the file's runtime does
    "geometry",
    [entry for entry in GEOMETRIES if max(entry[4]) == 1 or entry[-2] < 4],
    ids=str,
)
def test_what_leaves_tensorflow(geometry):
    arrays = _arrays(geometry)
    expected = outputs(_function(geometry), arrays)
    found = outputs(as_exported(_function(geometry), "tf2onnx.of_the_tests"), arrays)
    assert_close(found, expected)


@only_on("tensorflow", reason="needs float64")
@GRID
def test_gradients_equal_finite_differences(geometry):
    check_gradients(_function(geometry), _arrays(geometry))


@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_equals_pytorch(rank, groups):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    generator = np.random.default_rng(rank)
    image = generator.normal(size=(2, 4, *(4, 3, 2)[:rank])).astype("float32")
    weight = generator.normal(size=(4, 3, *(3, 2, 2)[:rank])).astype("float32")
    tensors = [torch.tensor(array, requires_grad=True) for array in (image, weight)]
    function = getattr(torch.nn.functional, f"conv_transpose{rank}d")
    expected = function(*tensors, None, 2, 1, 1, groups)
    upstream = generator.normal(size=expected.shape).astype("float32")
    expected.backward(torch.tensor(upstream))
    kernel = np.moveaxis(weight, (0, 1), (-1, -2))

    def ours(x, k):
        return ops.conv_transpose(x, k, None, 2, 1, 1, "channels_first", groups=groups)

    assert_close(outputs(ours, [image, kernel]), [expected.detach().numpy()])
    image_gradient, kernel_gradient = gradients(ours, [image, kernel], [upstream])
    kernel_gradient = np.moveaxis(kernel_gradient, (-1, -2), (0, 1))
    assert_close([image_gradient, kernel_gradient], [tensor.grad.numpy() for tensor in tensors])


@pytest.mark.thorough
@only_on("tensorflow", reason="is about unknown sizes")
def test_sizes_unknown_until_the_call():
    _, kernel, bias = _arrays(((1, 1), (3, 3), *GEOMETRIES[1][2:]))
    function = _function(((1, 1), (3, 3), (2, 2), 1, (1, 1), (1, 1), 2, 1))
    images = [
        np.random.default_rng(0).normal(size=(1, *m, 4)).astype("f") for m in [(3, 4), (5, 2)]
    ]
    check_unknown_sizes(lambda x: function(x, kernel, bias), (None, None, None, 4), images)


def test_layer_has_the_filters_of_a_group_in_its_kernel():
    layer = layers.Conv2DTranspose(6, 3, strides=2, groups=2)
    image = np.random.default_rng(0).normal(size=(2, 4, 3, 4)).astype("float32")
    found = layer(image)
    assert [tuple(weight.shape) for weight in layer.weights] == [(3, 3, 3, 4), (6,)]
    expected = ops.conv_transpose(image, layer.kernel, layer.bias, 2, groups=2)
    assert_close([keras.ops.convert_to_numpy(found)], [keras.ops.convert_to_numpy(expected)])


def test_what_is_wrong_is_named():
    layer = layers.Conv2DTranspose
    for groups in (0, 1.5, 4):
        with pytest.raises(ValueError, match=r"Argument `groups` must be .*Received: groups="):
            layer(6, 3, groups=groups)
    with pytest.raises(ValueError, match="`groups` must be a divisor of 5 channels"):
        layer(6, 3, groups=2).build((None, 4, 4, 5))
    image, kernel, _ = _arrays(GEOMETRIES[1])
    with pytest.raises(ValueError, match="`groups` must be a divisor of 4 channels in"):
        ops.conv_transpose(image, kernel, groups=3)
