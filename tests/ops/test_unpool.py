"""Positions of maxima, and unpooling, against loops, autodiff, differences and PyTorch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests import reference
from tests.backends import only_on
from tests.gradcheck import assert_close, check_gradients, check_unknown_sizes, gradients, outputs

NOTES_INPUT = [[12, 37, 11, 72], [9, 83, 92, 11], [5, 17, 11, 13], [21, 16, 15, 4]]


def _image(lengths, seed=0, ties=False):
    image = np.random.default_rng(seed).normal(size=(2, *lengths, 3)).astype("float32")
    return np.round(image) if ties else image


def _pooled(image, *arguments):
    return [
        keras.ops.convert_to_numpy(part)
        for part in ops.max_pool(image, *arguments, return_indices=True)
    ]


def test_where_the_maxima_of_the_notes_table_stand():
    image = np.array(NOTES_INPUT, "float32").reshape(1, 4, 4, 1)
    values, indices = _pooled(image, 2)
    assert values[0, :, :, 0].tolist() == [[83, 92], [21, 15]]
    assert indices[0, :, :, 0].tolist() == [[5, 6], [12, 14]]
    restored = outputs(lambda v, i: ops.max_unpool(v, i, 2), [values, indices])[0]
    expected = [[0, 0, 0, 0], [0, 83, 92, 0], [0, 0, 0, 0], [21, 0, 15, 0]]
    assert restored[0, :, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("lengths", "size", "strides", "padding"),
    [
        ((6, 7), (2, 2), (2, 2), ((0, 0), (0, 0))),
        ((7, 6), (3, 3), (2, 2), ((1, 1), (1, 1))),
        ((9, 8), (6, 7), (2, 1), ((2, 1), (0, 3))),  # one axis after the other
        ((8,), (3,), (1,), ((2, 0),)),
        ((4, 5, 3), (2, 3, 2), (2, 1, 2), ((1, 0), (1, 2), (0, 1))),
    ],
)
def test_indices_equal_the_loop_with_ties(lengths, size, strides, padding):
    image = _image(lengths, ties=True)
    values, indices = _pooled(image, size, strides, padding)
    np.testing.assert_array_equal(values, reference.max_pool(image, size, strides, padding))
    expected = reference.max_pool_indices(image, size, strides, padding)
    np.testing.assert_array_equal(indices, expected)
    assert indices.dtype == "int32"


def test_indices_never_point_into_the_padding():
    image = np.full((1, 2, 2, 1), -np.inf, "float32")
    _, indices = _pooled(image, 2, 1, 1)
    assert indices[0, :, :, 0].tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]


@pytest.mark.parametrize(
    ("size", "strides", "padding"), [(2, 2, 0), (3, 2, 1), (2, 3, 1), (3, 3, (1, 0))]
)
def test_both_directions_equal_pytorch(size, strides, padding):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    image = _image((7, 8), ties=True).transpose(0, 3, 1, 2)
    tensor = torch.tensor(image, requires_grad=True)
    settings = {"kernel_size": size, "stride": strides, "padding": padding}
    values, indices = torch.nn.functional.max_pool2d(tensor, **settings, return_indices=True)
    expected = torch.nn.functional.max_unpool2d(values, indices, **settings, output_size=(7, 8))
    upstream = np.random.default_rng(1).normal(size=image.shape).astype("float32")
    expected.backward(torch.tensor(upstream))

    def ours(x):
        arguments = (size, strides, padding, "channels_first")
        pooled, positions = ops.max_pool(x, *arguments, return_indices=True)
        return ops.max_unpool(pooled, positions, *arguments, output_size=(7, 8))

    np.testing.assert_array_equal(
        _pooled(image, size, strides, padding, "channels_first")[1], indices.numpy()
    )
    assert_close(outputs(ours, [image]), [expected.detach().numpy()])
    assert_close(gradients(ours, [image], [upstream]), [tensor.grad.numpy()])


def test_unpooling_is_the_adjoint_of_gathering():
    """⟨unpool(x), y⟩ = ⟨x, y[indices]⟩ where no two windows share a maximum."""
    image = _image((6, 4))
    values, indices = _pooled(image, 2)
    y = _image((6, 4), seed=1)
    restored = outputs(lambda v: ops.max_unpool(v, indices, 2), [values])[0]
    lines = y.reshape(2, -1, 3)
    gathered = np.take_along_axis(lines, indices.reshape(2, -1, 3), axis=1)
    np.testing.assert_allclose(
        np.vdot(restored, y), np.vdot(values.reshape(2, -1, 3), gathered), rtol=1e-5
    )


@only_on("tensorflow", reason="needs float64")
def test_gradients_equal_finite_differences():
    image = _image((5, 6)).astype("float64")
    values, indices = _pooled(image, 2)
    check_gradients(lambda v: ops.max_unpool(v, indices, 2, output_size=(5, 6)), [values])


@pytest.mark.thorough
@only_on("tensorflow", reason="is about unknown sizes")
def test_sizes_unknown_until_the_call():
    def function(x):
        return ops.max_unpool(*ops.max_pool(x, 3, 2, 1, return_indices=True), 3, 2, 1)

    check_unknown_sizes(function, (None, None, None, 3), [_image((5, 7)), _image((9, 3))])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"pool_size": 0}, "pool_size"),
        ({"padding": 2}, "padding"),
        ({"indices": np.zeros((1, 2, 3, 1), "int32")}, "indices"),
        ({"output_size": (4, 0)}, "output_size"),
        ({"output_size": (4, 4, 4)}, "output_size"),
        ({"data_format": "NHWC"}, "data_format"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    good = {
        "inputs": np.zeros((1, 2, 2, 1), "float32"),
        "indices": np.zeros((1, 2, 2, 1), "int32"),
        "pool_size": 2,
    }
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        ops.max_unpool(**{**good, **arguments})
