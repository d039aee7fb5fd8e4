"""Types of convolutions: floating point for whole numbers, sums in float32 for half precision."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests.backends import BACKEND, only_on
from tests.gradcheck import gradients, outputs
from tests.tensors import dtype_of

WHOLE = ["bool", "uint8", "int8", "uint16", "int32", "uint32", "int64"]
KINDS = [
    *(("Conv{}D", {"filters": 4}, ranks) for ranks in [(1, 2, 3)]),
    *(("Conv{}D", {"filters": 4, "groups": 2}, ranks) for ranks in [(1, 2, 3)]),
    ("Conv{}DTranspose", {"filters": 3, "strides": 2}, (1, 2, 3)),
    ("DepthwiseConv{}D", {}, (1, 2)),
    ("SeparableConv{}D", {"filters": 3}, (1, 2)),
    ("SpatiallySeparableConv{}D", {"filters": 3}, (2,)),
]
LAYERS = [
    pytest.param(name.format(rank), arguments, rank, id=f"{name.format(rank)} {arguments}")
    for name, arguments, ranks in KINDS
    for rank in ranks
]
HALVES = pytest.mark.parametrize("dtype", ["bfloat16", "float16"])


def _layer(name, arguments, rank, data_format, **more):
    shape = (*(5, 4, 6)[:rank], 4) if data_format == "channels_last" else (4, *(5, 4, 6)[:rank])
    layer = getattr(layers, name)(kernel_size=2, data_format=data_format, **arguments, **more)
    return layer, np.random.default_rng(0).integers(0, 3, (2, *shape))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("name", "arguments", "rank"), LAYERS)
def test_whole_numbers_are_what_they_are_as_floats(name, arguments, rank, data_format):
    layer, image = _layer(name, arguments, rank, data_format)
    for dtype in WHOLE:
        expected = layer(image.astype(dtype).astype("float32"))
        found = layer(image.astype(dtype))
        assert dtype_of(found) == "float32"
        np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (found, expected)), atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize(("name", "arguments", "rank"), LAYERS)
def test_the_output_has_the_compute_type_and_the_spec_says_so(name, arguments, rank, policy):
    layer, image = _layer(name, arguments, rank, "channels_last", dtype=policy)
    for dtype in ("uint8", "int32"):
        found = layer(image.astype(dtype))
        spec = layer(keras.Input(image.shape[1:], batch_size=2, dtype=dtype))
        assert dtype_of(spec) == layer.compute_dtype
        if not (policy == "float64" and BACKEND == "jax"):  # which has no float64 by default
            assert dtype_of(found) == layer.compute_dtype
        assert tuple(found.shape) == tuple(spec.shape)


@pytest.mark.parametrize(("name", "arguments", "rank"), LAYERS)
def test_complex_numbers_are_refused(name, arguments, rank):
    layer, image = _layer(name, arguments, rank, "channels_last")
    with pytest.raises(ValueError, match=r"`inputs` must be a tensor of real numbers.*complex64"):
        layer(image.astype("complex64"))


@only_on("tensorflow", reason="is about tf.data")
def test_bytes_out_of_a_dataset():
    import tensorflow as tf

    layer, image = _layer("Conv2D", {"filters": 3}, 2, "channels_last")
    data = tf.data.Dataset.from_tensors(image.astype("uint8"))
    (found,) = data.map(layer)
    np.testing.assert_allclose(found, layer(image.astype("float32")), atol=1e-6)


# kernel, its forward, what it reduces over the whole image: (kernel shape, groups or kind)
REDUCTIONS = {
    "convolution": ((3, 3, 4, 3), ops.conv),
    "strided": ((3, 3, 4, 3), lambda x, k, b: ops.conv(x, k, b, 2)),
    "dilated": ((3, 3, 4, 3), lambda x, k, b: ops.conv(x, k, b, dilation_rate=2)),
    "grouped": ((3, 3, 2, 4), ops.conv),
    "depthwise": ((3, 3, 1, 8), ops.conv),
    "depthwise, dilated": ((3, 3, 1, 8), lambda x, k, b: ops.conv(x, k, b, dilation_rate=2)),
    "transposed": ((3, 3, 3, 4), ops.conv_transpose),
}


@HALVES
@pytest.mark.parametrize("terms", [10**3, 10**5])
@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.usefixtures("way")
def test_gradients_of_halves_have_the_error_of_one_rounding(kind, terms, dtype):
    shape, function = REDUCTIONS[kind]
    generator = np.random.default_rng(0)
    image = generator.uniform(0, 1, (10, terms // 100, 10, 4))
    kernel = generator.uniform(-0.2, 1, shape) / 6
    bias = np.zeros(shape[-2 if kind == "transposed" else -1])
    arrays = [_rounded(array, dtype) for array in (image, kernel, bias)]
    (like,) = outputs(function, arrays)
    upstream = _rounded(generator.uniform(0, 2**-4, like.shape), dtype)
    expected = gradients(function, arrays, [upstream])
    halves = gradients(
        lambda *tensors: keras.ops.cast(
            function(*(keras.ops.cast(tensor, dtype) for tensor in tensors)), "float32"
        ),
        arrays,
        [upstream],
    )
    for name, found, right in zip(("inputs", "kernel", "bias"), halves, expected, strict=True):
        scale = np.abs(right).max()
        limit = {"bfloat16": 2**-7, "float16": 2**-9}[dtype]
        assert np.abs(found - right).max() <= limit * scale, name


@HALVES
@pytest.mark.parametrize("terms", [10**3, 10**5])
@pytest.mark.usefixtures("way")
def test_sums_over_many_channels(terms, dtype):
    generator = np.random.default_rng(0)
    image, kernel = generator.uniform(0, 1, (1, 2, 2, terms)), generator.uniform(0, 1, (terms, 2))
    image, kernel = _rounded(image, dtype), _rounded(kernel[None, None] * 2**-4, dtype)
    found = ops.conv(keras.ops.cast(image, dtype), keras.ops.cast(kernel, dtype))
    expected = np.tensordot(image.astype("float64"), kernel[0, 0].astype("float64"), 1)
    found = keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))
    np.testing.assert_allclose(found, expected, rtol=2**-7 if dtype == "bfloat16" else 2**-9)


def _rounded(array, dtype):
    """The values that the type can hold, in single precision."""
    rounded = keras.ops.cast(keras.ops.cast(array.astype("float32"), dtype), "float32")
    return keras.ops.convert_to_numpy(rounded)
