"""What convolutions refuse, although it could be broadcast, repeated or counted."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests.gradcheck import gradients, outputs

IMAGE = np.ones((2, 5, 4, 4), "float32")
OPS = {
    "conv": (ops.conv, np.ones((2, 2, 2, 6), "float32"), 6),
    "depthwise_conv": (ops.depthwise_conv, np.ones((2, 2, 4, 2), "float32"), 8),
    "conv_transpose": (ops.conv_transpose, np.ones((2, 2, 3, 4), "float32"), 3),
}
EACH = pytest.mark.parametrize("name", OPS)


@EACH
def test_a_bias_has_one_number_a_channel(name):
    op, kernel, channels = OPS[name]
    (whole,) = outputs(op, [IMAGE, kernel])
    found = gradients(op, [IMAGE, kernel, np.ones(channels, "float32")], [np.ones_like(whole)])
    assert found[2].shape == (channels,)
    wrong = [(), (1,), (channels + 1,), (1, channels), (channels, 1), (0,), whole.shape]
    for shape in wrong:
        with pytest.raises(ValueError, match="Argument `bias` must be of shape") as caught:
            op(IMAGE, kernel, np.ones(shape, "float32"))
        assert f"Received: bias={shape}" in str(caught.value)
    for bias in ("abc", np.ones(channels, "complex64"), [[1.0], [1.0, 2.0]]):
        with pytest.raises(ValueError, match="Argument `bias` must be a tensor of real numbers"):
            op(IMAGE, kernel, bias)


@EACH
def test_kernels_of_another_rank_or_of_other_channels(name):
    op = OPS[name][0]
    for shape in ((), (2,), (2, 2), (2,) * 6, (0, 2, 2, 6), (2, 2, 0, 6), (2, 2, 2, 0)):
        with pytest.raises(ValueError, match="Argument `kernel` must be of shape"):
            op(IMAGE, np.ones(shape, "float32"))
    for shape in ((2, 4, 6), (2, 2, 2, 4, 6)):
        with pytest.raises(ValueError, match="Argument `inputs` must be of rank"):
            op(IMAGE, np.ones(shape, "float32"))
    for shape in ((2, 2, 3, 6), (2, 2, 8, 6), (2, 2, 2, 5)):
        with pytest.raises(ValueError, match="Argument `kernel` must be "):
            op(IMAGE, np.ones(shape, "float32"))


@EACH
@pytest.mark.parametrize("argument", ["strides", "padding", "dilation_rate"])
@pytest.mark.parametrize(
    "value", [2**40, 2**31, b"2", b"\1\1", "2", 1.0, float("nan"), True, (1, 2, 3), (1, b"2")]
)
def test_counts(name, argument, value):
    op, kernel, _ = OPS[name]
    with pytest.raises(ValueError, match=f"Argument `{argument}` must be "):
        op(IMAGE, kernel, **{argument: value})


@EACH
def test_numbers_of_numpy_and_words_in_any_case(name):
    op, kernel, _ = OPS[name]
    for plain, other in (
        ({"strides": 2}, {"strides": np.int64(2)}),
        ({"strides": (1, 2)}, {"strides": np.array([1, 2])}),
        ({"padding": "same"}, {"padding": "SAME"}),
        ({"data_format": "channels_first"}, {"data_format": "Channels_First"}),
    ):
        image = np.ones((2, 4, 5, 4), "float32")
        (expected,), (found,) = (
            outputs(lambda x, k, more=more: op(x, k, **more), [image, kernel])
            for more in (plain, other)
        )
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [2, -1, 2**40, b"1", "1", 0.5, (0, 1, 0), float("nan")])
def test_output_padding(value):
    op, kernel, _ = OPS["conv_transpose"]
    with pytest.raises(ValueError, match="Argument `output_padding` must be "):
        op(IMAGE, kernel, strides=2, output_padding=value)


@pytest.mark.parametrize("argument", ["filters", "groups", "depth_multiplier", "kernel_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", b"2", None, 2**40, float("nan"), [2.0]])
def test_numbers_of_channels_and_lengths_of_layers(argument, value):
    name = "DepthwiseConv2D" if argument == "depth_multiplier" else "Conv2D"
    arguments = {"kernel_size": 2, argument: value}
    if name == "Conv2D":
        arguments = {"filters": 4, **arguments}
    with pytest.raises(ValueError, match=f"Argument `{argument}` must be "):
        getattr(layers, name)(**arguments)


@pytest.mark.parametrize(
    "name", ["Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"]
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("method", ["build", "compute_output_shape"])
def test_shapes_of_inputs(name, data_format, method):
    filters = {} if name.startswith("Depthwise") else {"filters": 2}
    layer = getattr(layers, name)(kernel_size=2, data_format=data_format, **filters)
    for shape in (None, (), (4,), (None, 8, 8), (None, 8, 8, 4, 4), "abcd", 4, (None, "8", 8, 4)):
        with pytest.raises(ValueError, match="Argument `input_shape` must be 4 lengths"):
            getattr(layer, method)(shape)
    for shape in ((None, -8, 8, 4), (None, 8.5, 8, 4), ((1, 8, 8, 4),) * 4, {"a": (1, 8, 8, 4)}):
        with pytest.raises(ValueError, match="Argument `input_shape` must be 4 lengths"):
            getattr(layer, method)(shape)


@pytest.mark.parametrize("kernel", [None, "abc", [["1"]], [1.0], np.ones((2, 2)) * 1j, [[np.nan]]])
def test_separate_kernel_takes_a_matrix_of_real_numbers(kernel):
    with pytest.raises(ValueError, match="Argument `kernel` must be "):
        ops.separate_kernel(kernel)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "bfloat16", "float32"])
def test_separate_kernel_computes_any_type_in_double_precision(dtype):
    column, row, residual = ops.separate_kernel(keras.ops.ones((3, 2), dtype))
    assert (column.dtype, row.dtype, residual < 1e-12) == ("float64", "float64", True)
    np.testing.assert_allclose(np.outer(column, row), np.ones((3, 2)))
