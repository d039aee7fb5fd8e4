"""The convolution layers: what they add to their Keras twins, and what they refuse."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers

to_numpy = keras.ops.convert_to_numpy
IMAGE = np.random.default_rng(0).normal(size=(2, 9, 8, 4)).astype("float32")


def _user_model(module):
    """A model as a user of Keras would write it, with every string padding."""
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((16, 15, 3)),
            module.Conv2D(8, 3, padding="same", activation="relu", kernel_regularizer="l2"),
            module.MaxPooling2D(),
            module.Conv2D(8, (3, 2), (2, 1), "valid", use_bias=False),
            module.AveragePooling2D(2, padding="same"),
            module.Reshape((-1, 8)),
            module.Conv1D(4, 3, padding="causal", dilation_rate=2),
            module.MaxPool1D(2),
            module.Flatten(),
            module.Dense(3, activation="softmax"),
        ]
    )


def test_changing_the_import_changes_nothing_else():
    theirs, ours = _user_model(keras.layers), _user_model(layers)
    for left, right in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)  # the same initial values from the same seed
    x = np.random.default_rng(1).normal(size=(4, 16, 15, 3)).astype("float32")
    y = np.array([0, 1, 2, 1])
    np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x, verbose=0), atol=1e-6)
    for model in (theirs, ours):
        model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
        model.train_on_batch(x, y)
    for left, right in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)
    for left, right in zip(theirs.layers, ours.layers, strict=True):
        config = right.get_config()
        for name in ("count_include_pad", "return_indices", "ceil_mode", "padding_mode"):
            config.pop(name, None)
        assert {**config, "name": left.name} == left.get_config()


@pytest.mark.parametrize("name", ["Conv1D", "Conv2D", "Conv3D"])
@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"padding": -1}, "padding"),
        ({"padding": 1.5}, "padding"),
        ({"padding": True}, "padding"),
        ({"padding": "sam"}, "padding"),
        ({"padding": (1, 2, 3, 4)}, "padding"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"kernel_size": "3"}, "kernel_size"),
        ({"strides": -1}, "strides"),
        ({"strides": 0.5}, "strides"),
        ({"dilation_rate": 0}, "dilation_rate"),
    ],
)
def test_constructor_names_what_is_wrong(name, arguments, argument):
    with pytest.raises(ValueError, match=f"Argument `{argument}` must be .*Received: {argument}="):
        getattr(layers, name)(**{"filters": 2, "kernel_size": 3, **arguments})


def test_a_triple_is_no_padding_for_two_axes():
    with pytest.raises(ValueError, match=r"`padding` must be .* 2 entries.*\(1, 1, 1\)"):
        layers.Conv2D(2, 3, padding=(1, 1, 1))


def test_kernel_longer_than_the_padded_input_is_named_at_build():
    message = r"`kernel_size` must be no longer than the padded input, 1 \+ 4 \+ 1 along axis 1"
    with pytest.raises(ValueError, match=message):
        layers.Conv2D(2, (7, 3), padding=1).build((None, 4, 8, 3))
    with pytest.raises(ValueError, match="Dilated by 4, it spans 9"):
        layers.Conv2D(2, 3, dilation_rate=4)(keras.Input((8, 8, 3)))


@pytest.mark.parametrize("padding", [1, (1, 2), ((1, 2), (0, 1)), (1, (0, 2))])
def test_explicit_padding_equals_zero_padding_before_valid(padding):
    layer = layers.Conv2D(5, 3, strides=2, padding=padding)
    pairs = layers.Conv2D(1, 1, padding=padding)._window.padding
    expected = keras.ops.pad(IMAGE, ((0, 0), *pairs, (0, 0)))
    found = layer(IMAGE)
    valid = keras.layers.Conv2D(5, 3, strides=2)
    valid.build((None, None, None, 4))
    valid.set_weights(layer.get_weights())
    np.testing.assert_allclose(to_numpy(found), to_numpy(valid(expected)), atol=1e-5)


def test_padding_stays_as_it_was_written():
    assert layers.Conv2D(1, 3, padding=1).get_config()["padding"] == 1
    assert layers.Conv2D(1, 3, padding="SAME").get_config()["padding"] == "same"
    assert layers.Conv2D(1, 3, padding=[1, [0, 2]]).padding == ((1, 1), (0, 2))


def test_strides_go_together_with_dilation():
    layer = layers.Conv2D(3, 3, strides=2, dilation_rate=2, padding=2)
    dense = layers.Conv2D(3, 3, dilation_rate=2, padding=2)
    found = layer(IMAGE)
    dense.build(IMAGE.shape)
    dense.set_weights(layer.get_weights())
    np.testing.assert_allclose(to_numpy(found), to_numpy(dense(IMAGE))[:, ::2, ::2], atol=1e-5)


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_bias_is_the_channels_where_the_last_axis_is_as_long(rank, width):
    """Keras's layer would add it along the width, with channels first on TensorFlow."""
    layer = getattr(layers, f"Conv{rank}D")(3, 1, data_format="channels_first")
    layer.build((2, 1, *(4,) * (rank - 1), width))
    layer.bias.assign([1.0, 2.0, 3.0])
    found = to_numpy(layer(np.zeros((2, 1, *(4,) * (rank - 1), width), "float32")))
    wanted = np.reshape([1.0, 2.0, 3.0], (1, 3, *(1,) * rank))
    np.testing.assert_array_equal(found, np.broadcast_to(wanted, found.shape))


def test_lora_of_the_twin_still_works():
    layer = layers.Conv2D(6, 3, padding=1)
    before = to_numpy(layer(IMAGE))
    layer.enable_lora(2)
    np.testing.assert_allclose(to_numpy(layer(IMAGE)), before, atol=1e-6)
    assert len(layer.trainable_weights) == 3


def test_positional_arguments_follow_the_twin():
    layer = layers.Conv2D(4, 3, 2, 1, "channels_last", 1, 2, "relu")
    assert (layer.strides, layer.padding, layer.groups) == ((2, 2), 1, 2)
    assert layer.activation is keras.activations.relu
    with pytest.raises(TypeError):
        layers.Conv2D(4)
    with pytest.raises(ValueError, match="colour"):
        layers.Conv2D(4, 3, colour="red")


def test_names_without_a_twin_are_keras_own():
    assert layers.Dense is keras.layers.Dense
    assert layers.Conv2D is not keras.layers.Conv2D
    with pytest.raises(AttributeError):
        layers.NoSuchLayer  # noqa: B018


@pytest.mark.parametrize("name", ["Conv1D", "Conv2D", "Conv3D", "SpatiallySeparableConv2D"])
def test_an_empty_image_is_convolved_with_its_padding(name):
    rank = 2 if name.startswith("Sp") else int(name[4])
    layer = getattr(layers, name)(2, 1, padding=1, bias_initializer="ones")
    found = to_numpy(layer(np.zeros((1, 0, *(1,) * (rank - 1), 1), "float32")))
    np.testing.assert_array_equal(found, np.ones((1, 2, *(3,) * (rank - 1), 2)))
