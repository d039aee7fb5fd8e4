"""The spatially separable layer: what it computes, and how it follows from a trained one."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops

to_numpy = keras.ops.convert_to_numpy
IMAGE = np.random.default_rng(0).normal(size=(2, 9, 8, 4)).astype("float32")


def _random_weights(layer, seed=0):
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.weights])
    return layer


@pytest.mark.parametrize("padding", ["valid", "same", 1, ((1, 0), (0, 2))])
@pytest.mark.parametrize("strides", [1, (2, 1), 2])
def test_equals_the_convolution_with_the_product_of_its_kernels(padding, strides):
    """K(m, n) = Σ_g R(n, g) C(m, g)."""
    layer = layers.SpatiallySeparableConv2D(5, (3, 2), strides, padding)
    layer.build(IMAGE.shape)
    column, row, bias = (to_numpy(weight) for weight in _random_weights(layer).weights)
    kernel = np.einsum("mcg,ngf->mncf", column[:, 0], row[0])
    expected = ops.conv(IMAGE, kernel, bias, strides, padding)
    np.testing.assert_allclose(to_numpy(layer(IMAGE)), to_numpy(expected), atol=1e-4)


def test_weights_are_a_column_and_a_row():
    layer = layers.SpatiallySeparableConv2D(7, 5)
    layer.build((None, 9, 9, 3))
    shapes = {weight.name: tuple(weight.shape) for weight in layer.weights}
    assert shapes == {"column_kernel": (5, 1, 3, 7), "row_kernel": (1, 5, 7, 7), "bias": (7,)}


@pytest.mark.parametrize("module", [layers, keras.layers], ids=["ours", "Keras"])
def test_a_separable_kernel_is_taken_over_exactly(module):
    """Sobel's kernel for every pair of channels in and out."""
    sobel = np.outer([1, 2, 1], [-1, 0, 1])
    weights = np.random.default_rng(0).normal(size=(4, 5))
    convolution = module.Conv2D(5, 3, activation="relu", padding="same", name="edges")
    convolution.build(IMAGE.shape)
    convolution.set_weights([sobel[..., None, None] * weights, np.arange(5)])
    layer, residual = layers.SpatiallySeparableConv2D.from_convolution(convolution)
    assert residual < 1e-6
    assert (layer.name, layer.padding, layer.activation) == (
        "edges",
        "same",
        keras.activations.relu,
    )
    np.testing.assert_allclose(to_numpy(layer(IMAGE)), to_numpy(convolution(IMAGE)), atol=1e-4)


def test_the_residual_is_the_error_of_the_kernel():
    convolution = layers.Conv2D(2, 3, use_bias=False)
    convolution.build(IMAGE.shape)
    layer, residual = layers.SpatiallySeparableConv2D.from_convolution(convolution)
    column, row = (to_numpy(weight) for weight in layer.weights)
    kernel = to_numpy(convolution.kernel)
    error = kernel - np.einsum("mcg,ngf->mncf", column[:, 0], row[0])
    np.testing.assert_allclose(np.linalg.norm(error) / np.linalg.norm(kernel), residual, rtol=1e-5)
    assert residual > 0.1  # random kernels are far from separable


def test_enough_filters_make_every_kernel_separable():
    """The rank of a 3×3 kernel on one channel is 3 at most."""
    convolution = layers.Conv2D(3, 3, data_format="channels_first")
    convolution.build((None, 1, 8, 8))
    layer, residual = layers.SpatiallySeparableConv2D.from_convolution(convolution)
    assert residual < 1e-6
    image = np.moveaxis(IMAGE[..., :1], -1, 1)
    np.testing.assert_allclose(to_numpy(layer(image)), to_numpy(convolution(image)), atol=1e-5)


@pytest.mark.parametrize(
    "layer", [keras.layers.Dense(2), layers.Conv2D(2, 3), layers.Conv2D(2, 3, groups=2)]
)
def test_what_cannot_be_separated_is_named(layer):
    if isinstance(layer, keras.layers.Conv2D) and layer.groups == 2:
        layer.build((None, 8, 8, 4))
    with pytest.raises(ValueError, match="Argument `layer` must be a built Conv2D without groups"):
        layers.SpatiallySeparableConv2D.from_convolution(layer)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"filters": 0}, "filters"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"strides": -1}, "strides"),
        ({"padding": "sam"}, "padding"),
        ({"dilation_rate": 0}, "dilation_rate"),
        ({"data_format": "NHWC"}, "data_format"),
    ],
)
def test_constructor_names_what_is_wrong(arguments, argument):
    with pytest.raises(ValueError, match=f"Argument `{argument}` must be .*Received: {argument}="):
        layers.SpatiallySeparableConv2D(**{"filters": 2, "kernel_size": 3, **arguments})


def test_kernel_longer_than_the_padded_input_is_named_at_build():
    with pytest.raises(ValueError, match="`kernel_size` must be no longer than the padded input"):
        layers.SpatiallySeparableConv2D(2, (7, 3), padding=1).build((None, 4, 8, 3))
