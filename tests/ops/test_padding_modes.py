"""Convolutions padded with pixels of the image: NumPy's padding, PyTorch, autodiff, differences."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests import reference
from tests.backends import only_on
from tests.exporting import as_exported
from tests.gradcheck import (
    assert_close,
    check_gradients,
    check_unknown_sizes,
    compare_gradients,
    outputs,
)

OF_NUMPY = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
every_mode = pytest.mark.parametrize("mode", OF_NUMPY)

# lengths, kernel size, strides, padding, dilation, groups
GEOMETRIES = [
    ((6,), (3,), (2,), ((2, 0),), (1,), 1),
    ((4, 5), (3, 2), (1, 2), ((1, 3), (0, 4)), (2, 1), 2),
    ((4, 3), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 4),
    ((3, 4, 3), (2, 3, 2), (1, 2, 1), ((1, 1), (2, 0), (0, 0)), (1, 1, 2), 1),
]
GRID = pytest.mark.parametrize(
    ("lengths", "size", "strides", "padding", "dilation", "groups"), GEOMETRIES, ids=str
)


def _arrays(lengths, size, groups=1, dtype="float32"):
    generator = np.random.default_rng(0)
    image = generator.normal(size=(2, *lengths, 4))
    kernel = generator.normal(size=(*size, 4 // groups, 4))
    return [image.astype(dtype), kernel.astype(dtype)]


def _ours(mode, strides, padding, dilation=1, data_format=None):
    def function(image, kernel):
        geometry = strides, padding, data_format, dilation
        return ops.conv(image, kernel, None, *geometry, padding_mode=mode)

    return function


def test_the_modes_by_hand():
    """Of the row 1 2 3 4, padded by 2, what a kernel of a single 1 reads."""
    row, kernel = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1), np.ones((1, 1, 1))
    expected = {
        "zeros": [0, 0, 1, 2, 3, 4, 0, 0],
        "reflect": [3, 2, 1, 2, 3, 4, 3, 2],
        "replicate": [1, 1, 1, 2, 3, 4, 4, 4],
        "circular": [3, 4, 1, 2, 3, 4, 1, 2],
    }
    for mode, padded in expected.items():
        found = ops.conv(row, kernel, padding=2, padding_mode=mode)
        assert keras.ops.convert_to_numpy(found)[0, :, 0].tolist() == padded


@every_mode
@GRID
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_equals_the_loop(lengths, size, strides, padding, dilation, groups, mode, data_format):
    image, kernel = _arrays(lengths, size, groups)
    padded = np.pad(image, ((0, 0), *padding, (0, 0)), OF_NUMPY[mode])
    none = ((0, 0),) * len(size)
    expected = reference.convolve(padded, kernel, strides, none, dilation, groups)
    if data_format == "channels_first":
        image, expected = np.moveaxis(image, -1, 1), np.moveaxis(expected, -1, 1)
    function = _ours(mode, strides, padding, dilation, data_format)
    assert_close(outputs(function, [image, kernel]), [expected])
    assert_close(outputs(as_exported(function), [image, kernel]), [expected])


@pytest.mark.usefixtures("way")
@every_mode
@GRID
def test_gradients_equal_autodiff(lengths, size, strides, padding, dilation, groups, mode):
    """Against the derivative of: take the pixels by their numbers, convolve without padding."""

    def plain(image, kernel):
        for axis, (m, pair) in enumerate(zip(lengths, padding, strict=True), start=1):
            numbers = np.pad(np.arange(m), pair, OF_NUMPY[mode])
            image = keras.ops.take(image, numbers, axis=axis)
        return ops.conv(image, kernel, None, strides, 0, None, dilation)

    arrays = _arrays(lengths, size, groups)
    compare_gradients(_ours(mode, strides, padding, dilation), plain, arrays)


@only_on("tensorflow", reason="needs float64")
@every_mode
@GRID
def test_gradients_equal_finite_differences(
    lengths, size, strides, padding, dilation, groups, mode
):
    check_gradients(_ours(mode, strides, padding, dilation), _arrays(lengths, size, groups))


@every_mode
@pytest.mark.parametrize("padding", ["same", 2, (1, 2)])
def test_equals_pytorch(mode, padding):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    image, kernel = _arrays((6, 5), (4, 3))
    module = torch.nn.Conv2d(4, 4, (4, 3), padding=padding, padding_mode=mode, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(np.moveaxis(kernel, (-1, -2), (0, 1))))
        expected = module(torch.tensor(np.moveaxis(image, -1, 1).copy())).numpy()
    (found,) = outputs(_ours(mode, 1, padding), [image, kernel])
    assert_close([np.moveaxis(found, -1, 1)], [expected])


@every_mode
def test_words_pad_as_they_do_with_zeros(mode):
    image, kernel = _arrays((6,), (3,))
    for word, pair in (("valid", (0, 0)), ("same", (1, 1)), ("causal", (2, 0))):
        (expected,) = outputs(_ours(mode, 1, (pair,)), [image, kernel])
        assert_close(outputs(_ours(mode, 1, word), [image, kernel]), [expected])


@pytest.mark.thorough
@only_on("tensorflow", reason="is about unknown sizes")
@every_mode
def test_sizes_unknown_until_the_call(mode):
    import tensorflow as tf

    _, kernel = _arrays((1, 1), (3, 3))
    function = _ours(mode, 2, ((1, 1), (2, 0)))
    images = [_arrays(lengths, (3, 3))[0] for lengths in ((3, 4), (5, 3))]
    check_unknown_sizes(lambda x: function(x, kernel), (None, None, None, 4), images)
    step = tf.function(
        lambda x: _ours(mode, 1, 3)(x, kernel), input_signature=[tf.TensorSpec((1, None, None, 4))]
    )
    short = np.ones((1, 4, 2, 4), "float32")
    if mode == "replicate":
        assert step(short).shape == (1, 8, 6, 4)
    else:
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be at most the length"):
            step(short)


def test_what_is_wrong_is_named():
    image, kernel = _arrays((4, 3), (3, 3))
    with pytest.raises(ValueError, match=r"Argument `padding_mode` must be .*Received: padding_m"):
        ops.conv(image, kernel, padding=1, padding_mode="symmetric")
    message = r"`padding` must be at most 2 along axis 2 for 'reflect'. Received: padding="
    with pytest.raises(ValueError, match=message):
        ops.conv(image, kernel, padding=3, padding_mode="reflect")
    with pytest.raises(ValueError, match="`padding` must be at most 3 along axis 2"):
        ops.conv(image, kernel, padding=4, padding_mode="circular")
    with pytest.raises(ValueError, match="`padding_mode` must be 'zeros' with padding='same' and"):
        layers.Conv2D(2, 3, strides=2, padding="same", padding_mode="reflect")
    with pytest.raises(ValueError, match="padding_mode"):
        layers.Conv2DTranspose(2, 3, padding_mode="reflect")


@every_mode
def test_a_separable_layer_of_a_convolution_keeps_the_mode(mode):
    image = _arrays((6, 5), (3, 3))[0]
    layer = layers.Conv2D(2, 3, padding=1, padding_mode=mode)
    layer.build(image.shape)
    vectors = np.random.default_rng(1).normal(size=(3, 4, 2)), np.ones((3, 2, 2)) * np.eye(2)
    kernel = np.einsum("acf,bfg->abcg", *vectors)
    layer.set_weights([kernel, np.ones(2)])
    separable, residual = layers.SpatiallySeparableConv2D.from_convolution(layer)
    assert residual < 1e-6
    assert separable.padding_mode == mode
    assert_close(outputs(separable, [image]), outputs(layer, [image]))
