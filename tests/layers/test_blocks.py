"""Residual connections and dense blocks."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.gradcheck import assert_close, gradients

to_numpy = keras.ops.convert_to_numpy
IMAGE = np.random.default_rng(0).normal(size=(2, 9, 8, 4)).astype("float32")


def test_residual_adds_its_input():
    branch = layers.Conv2D(4, 3, padding=1)
    layer = layers.Residual(branch, activation="relu")
    found = to_numpy(layer(IMAGE))
    np.testing.assert_allclose(found, np.maximum(to_numpy(branch(IMAGE)) + IMAGE, 0), atol=1e-6)
    assert layer.projection is None


def test_the_gradient_comes_through_undamped():
    """A branch of zeros: ∂E/∂x = D, through twenty layers that alone would block it."""
    stack = keras.Sequential(
        [
            layers.Residual(layers.Conv2D(4, 3, padding=1, kernel_initializer="zeros"))
            for _ in range(20)
        ]
    )
    stack.build(IMAGE.shape)
    upstream = np.random.default_rng(1).normal(size=IMAGE.shape).astype("float32")
    assert_close(gradients(stack, [IMAGE], [upstream]), [upstream])


def test_projection_meets_the_branch():
    branch = [layers.Conv2D(6, 3, strides=2, padding=1), layers.BatchNormalization()]
    layer = layers.Residual(branch)
    found = layer(IMAGE)
    assert tuple(found.shape) == (2, 5, 4, 6) == layer.compute_output_shape(IMAGE.shape)
    assert tuple(layer.projection.kernel.shape) == (1, 1, 4, 6)
    shortcut = to_numpy(layer.projection(IMAGE))
    kernel = to_numpy(layer.projection.kernel)[0, 0]
    np.testing.assert_allclose(shortcut, IMAGE[:, ::2, ::2] @ kernel, atol=1e-5)
    expected = to_numpy(layer.branch(IMAGE)) + shortcut
    np.testing.assert_allclose(to_numpy(found), expected, atol=1e-5)


def test_sequences_and_vectors():
    steps = layers.Residual(keras.layers.Conv1D(5, 3, padding="causal"))
    assert tuple(steps(np.ones((2, 7, 3), "float32")).shape) == (2, 7, 5)
    dense = layers.Residual([keras.layers.Dense(8, "relu"), keras.layers.Dense(5)])
    assert tuple(dense(np.ones((2, 3), "float32")).shape) == (2, 5)
    assert isinstance(dense.projection, keras.layers.Dense)


def test_training_reaches_the_branch():
    layer = layers.Residual(keras.layers.Dropout(0.5, seed=1))
    ones = np.ones((4, 100), "float32")
    np.testing.assert_array_equal(to_numpy(layer(ones, training=False)), 2 * ones)
    assert set(np.unique(to_numpy(layer(ones, training=True)))) == {1, 3}


@pytest.mark.parametrize("branch", [None, [], "relu", [keras.layers.Dense(2), 3]])
def test_a_branch_that_is_no_layer_is_named(branch):
    with pytest.raises(ValueError, match="Argument `branch` must be a layer, a model or a list"):
        layers.Residual(branch)


@pytest.mark.parametrize(
    "branch",
    [layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), layers.Conv2DTranspose(4, 2, 2)],
)
def test_a_branch_that_no_projection_meets_is_named(branch):
    with pytest.raises(ValueError, match="`branch` must be such that a 1×1 convolution can map"):
        layers.Residual(branch).build((None, 9, 8, 4))


def test_dense_block_hands_every_map_on():
    block = layers.DenseBlock(3, growth_rate=5)
    found = to_numpy(block(IMAGE))
    assert found.shape == (2, 9, 8, 4 + 3 * 5) == block.compute_output_shape(IMAGE.shape)
    np.testing.assert_array_equal(found[..., :4], IMAGE)
    maps = IMAGE
    for step in block.steps:
        maps = np.concatenate([maps, to_numpy(step(maps))], axis=-1)
    np.testing.assert_allclose(found, maps, atol=1e-5)


def test_dense_block_has_the_weights_of_keras_applications():
    """Two layers of its `conv_block`, in its order and shapes."""
    block = layers.DenseBlock(2, growth_rate=32)
    block.build((None, 8, 8, 64))
    expected = []
    for channels in (64, 96):
        expected += [(channels,)] * 4 + [(1, 1, channels, 128)] + [(128,)] * 4 + [(3, 3, 128, 32)]
    assert [tuple(weight.shape) for weight in block.weights] == expected


def test_dense_block_without_bottleneck_and_with_dropout():
    block = layers.DenseBlock(2, growth_rate=3, bottleneck=False, dropout=0.5)
    block.build((None, 8, 8, 2))
    assert layers.DenseBlock.from_config(block.get_config()).dropout == 0.5
    kinds = [type(layer).__name__ for layer in block.steps[0].layers]
    assert kinds == ["BatchNormalization", "ReLU", "Conv2D", "Dropout"]
    quiet = to_numpy(block(np.ones((1, 8, 8, 2), "float32")))
    loud = to_numpy(block(np.ones((1, 8, 8, 2), "float32"), training=True))
    assert (loud[..., 2:] == 0).mean() > 0.3 and not np.array_equal(quiet, loud)


def test_dense_block_channels_first():
    block = layers.DenseBlock(2, growth_rate=3, data_format="channels_first")
    last = layers.DenseBlock(2, growth_rate=3)
    last.build(IMAGE.shape)
    first = np.moveaxis(IMAGE, -1, 1)
    block.build(first.shape)
    block.set_weights(last.get_weights())
    expected = np.moveaxis(to_numpy(last(IMAGE)), -1, 1)
    np.testing.assert_allclose(to_numpy(block(first)), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"layer_count": 0}, "layer_count"),
        ({"layer_count": 2**40}, "layer_count"),
        ({"growth_rate": 2**40}, "growth_rate"),
        ({"growth_rate": 0}, "growth_rate"),
        ({"dropout": 1}, "dropout"),
    ],
)
def test_dense_block_names_what_is_wrong(arguments, argument):
    with pytest.raises(ValueError, match=f"Argument `{argument}` must be .*Received: {argument}="):
        layers.DenseBlock(**{"layer_count": 2, "growth_rate": 4, **arguments})
