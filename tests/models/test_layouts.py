"""Channels first: the same network as channels last, in the other order of axes."""

import contextlib
import json
import re

import keras
import numpy as np
import pytest

from keras_dlnotes import models
from tests.models.table import IMAGE_BUILDERS, OTHER_BUILDERS, build

LAYOUTS = ("channels_last", "channels_first")


@contextlib.contextmanager
def keras_setting(data_format):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(data_format)
    try:
        yield
    finally:
        keras.config.set_image_data_format(before)


def first(shape):
    """A shape, or a batch, with its channels moved to the front of the lengths."""
    if isinstance(shape, np.ndarray):
        return np.moveaxis(shape, -1, 1) if shape.ndim == 4 else shape
    return (shape[2], *shape[:2])


def images_for(shape):
    generator = np.random.default_rng(0)
    sizes = [9 if length is None else length for length in shape]
    return generator.normal(size=(2, *sizes)).astype("float32")


def randomized(model):
    """Weights of every kind at random, so that no two feature maps are alike."""
    generator = np.random.default_rng(1)
    weights = []
    for weight in model.weights:
        kernel = weight.name.endswith("kernel")
        low, high = (-0.7, 0.7) if kernel else (0.3, 0.9)
        weights.append(generator.uniform(low, high, weight.shape).astype("float32"))
    model.set_weights(weights)
    return model


VARIANTS = [
    ("conv_block", {"moving_statistic": "std", "pool_size": (2, 3)}),
    ("conv_block", {"convolution": "separable", "kernel_size": (1, 2), "padding": ((1, 0), 1)}),
    ("conv_block", {"convolution": "spatially_separable", "activation": "softmax"}),
    ("convnet", {"moving_statistic": "variance", "dropout": 0.5}),
    ("convnet", {"activation": "log_softmax", "kernel_size": (3, 2), "pool_size": (1, 2)}),
    ("convolutional_autoencoder", {"activation": "softmax", "output_activation": "sparsemax"}),
    ("convolutional_autoencoder", {"output_activation": keras.activations.sigmoid}),
    ("denoising_autoencoder", {"output_activation": "sigmoid"}),
    (
        "densenet",
        {"blocks": (1,), "stem": "small", "bottleneck": False, "dropout": 0.5, "compression": 0.9},
    ),
    ("resnet", {"batch_norm": False, "filters": (2,), "blocks": (1,)}),
    ("unet", {"batch_norm": True, "dropout": 0.5, "depth": 1, "classifier_activation": None}),
    ("unet", {"padding": 0, "depth": 1, "input_shape": (20, 22, 1)}),
    ("vgg", {"batch_norm": True, "dropout": 0.5}),
    *((name, {}) for name in IMAGE_BUILDERS),
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_channels_first_computes_what_channels_last_computes(name, options, tmp_path):
    last = randomized(build(name, **options))
    shape = last.input_shape[1:]
    batch = images_for(shape)
    expected = keras.ops.convert_to_numpy(last(batch))
    assert np.isfinite(expected).all() and expected.std() > 1e-3
    last.save(tmp_path / "last.keras")

    options = {**options, "input_shape": first(shape)}
    by_argument = build(name, **{**options, "data_format": "channels_first"})
    with keras_setting("channels_first"):
        by_setting = build(name, **options)
        assert configuration(by_argument) == configuration(by_setting)
        by_setting.set_weights(last.get_weights())
        assert_gives(by_setting, first(batch), first(expected))
        by_setting.save(tmp_path / "first.keras")
        # what is said outweighs what is set, in an argument and in a file
        options = {**options, "input_shape": shape, "data_format": "channels_last"}
        assert configuration(build(name, **options)) == configuration(last)
        assert_gives(keras.models.load_model(tmp_path / "last.keras"), batch, expected)
    again = keras.models.load_model(tmp_path / "first.keras")
    assert_gives(again, first(batch), first(expected))


def assert_gives(model, batch, expected):
    outputs = keras.ops.convert_to_numpy(model(batch))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    known = zip(model.output_shape, outputs.shape, strict=True)
    assert all(length in (None, found) for length, found in known)


def configuration(model):
    """What the layers are, apart from the numbers behind their names."""
    kinds = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            kinds += configuration(layer)
        else:
            config = json.dumps(layer.get_config(), default=str, sort_keys=True)
            kinds.append(re.sub(r'"name": "[a-z0-9_]*"', "", config))
    return kinds


@pytest.mark.parametrize("name", ["vgg16", "unet", "densenet121"])
def test_default_shape_follows_the_layout(name, monkeypatch):
    # of the large ones the beginning tells enough
    taken = []
    monkeypatch.setattr(keras, "Input", lambda shape: taken.append(shape) or 1 / 0)
    for setting in LAYOUTS:
        with keras_setting(setting), pytest.raises(ZeroDivisionError):
            getattr(models, name)()
    last = {"unet": (None, None, 1)}.get(name, (224, 224, 3))
    assert taken == [last, first(last)]


@pytest.mark.parametrize("name", sorted(IMAGE_BUILDERS.keys() - {"conv_block", "one_to_many"}))
def test_an_error_says_what_the_axes_are(name):
    with (
        keras_setting("channels_first"),
        pytest.raises(
            ValueError,
            match=r"Argument `input_shape` must be \(channels, height, width\), integers",
        ),
    ):
        build(name, input_shape=(8, 8))
    with pytest.raises(ValueError, match="Argument `data_format`"):
        build(name, data_format="channels")


@pytest.mark.parametrize("name", OTHER_BUILDERS)
def test_without_images_the_setting_changes_nothing(name):
    plain = randomized(build(name))
    with keras_setting("channels_first"):
        other = build(name)
    other.set_weights(plain.get_weights())
    generator = np.random.default_rng(2)
    batch = [
        generator.integers(1, 7, (2, 5))
        if tensor.dtype == "int32"
        else generator.normal(size=(2, *(size or 5 for size in tensor.shape[1:])))
        for tensor in plain.inputs
    ]
    batch = batch if len(batch) > 1 else batch[0]
    found, expected = (keras.ops.convert_to_numpy(model(batch)) for model in (other, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_dense_autoencoder_puts_every_value_back_in_its_place():
    with keras_setting("channels_first"):
        model = models.denoising_autoencoder((2, 3, 4), latent_dim=24, hidden=())
    model.set_weights([np.eye(24), np.zeros(24)] * 2)
    batch = images_for((2, 3, 4))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(batch)), batch, rtol=1e-5)


def test_images_in_the_other_layout_are_told_from_small_ones():
    with (
        keras_setting("channels_first"),
        pytest.raises(
            ValueError, match=r"Stage 1 gets 28×1 pixels.*`data_format` is 'channels_first'"
        ),
    ):
        models.vgg((28, 28, 1), classes=3)
