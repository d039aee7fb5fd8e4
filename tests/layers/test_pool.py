"""The pooling layers: what they add to their Keras twins, and what they refuse."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests.backends import only_on

pytestmark = pytest.mark.compiled

IMAGE = np.random.default_rng(0).normal(size=(2, 7, 6, 3)).astype("float32")
NAMES = [f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"padding": -1}, "padding"),
        ({"padding": 1.5}, "padding"),
        ({"padding": "sam"}, "padding"),
        ({"padding": "causal"}, "padding"),
        ({"padding": 2}, "padding"),
        ({"padding": (0, 0, 0, 0)}, "padding"),
        ({"pool_size": 0}, "pool_size"),
        ({"pool_size": (2, 2, 2, 2)}, "pool_size"),
        ({"strides": 0}, "strides"),
        ({"data_format": "NHWC"}, "data_format"),
    ],
)
def test_constructor_names_what_is_wrong(name, arguments, argument):
    with pytest.raises(ValueError, match=f"Argument `{argument}` must be .*Received: {argument}="):
        getattr(layers, name)(**{"pool_size": 2, **arguments})


def test_window_longer_than_the_padded_input_is_named():
    message = r"`pool_size` must be no longer than the padded input, 1 \+ 4 \+ 1 along axis 1"
    with pytest.raises(ValueError, match=message):
        layers.MaxPooling2D(7, padding=1)(keras.Input((4, 8, 3)))


def test_layer_is_the_op():
    arguments = {"pool_size": 3, "strides": 2, "padding": ((1, 0), (1, 1))}
    found = layers.MaxPooling2D(**arguments)(IMAGE)
    np.testing.assert_array_equal(found, ops.max_pool(IMAGE, **arguments))
    layer = layers.AveragePooling2D(**arguments, count_include_pad=True)
    expected = ops.average_pool(IMAGE, **arguments, count_include_pad=True)
    np.testing.assert_array_equal(layer(IMAGE), expected)
    assert layer.get_config()["count_include_pad"] is True


def test_nan_reaches_the_output_where_keras_loses_it():
    image = IMAGE.copy()
    image[0, 0, 0, 0] = np.nan
    found = keras.ops.convert_to_numpy(layers.MaxPooling2D()(image))
    assert np.isnan(found[0, 0, 0, 0])
    assert np.isnan(found).sum() == 1


@pytest.mark.parametrize("name", ["MaxPool2D", "AvgPool2D", "Convolution2D"])
def test_keras_second_names(name):
    assert getattr(layers, name).__name__ == getattr(keras.layers, name).__name__


@pytest.mark.parametrize("jit_compile", [False, True, "auto"])
def test_fits_in_every_mode(jit_compile):
    if keras.backend.backend() == "torch" and jit_compile is True:
        pytest.skip("torch.compile needs a C++ tool chain")
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(4, 3, padding=1, activation="relu"),
            layers.MaxPooling2D(3, 2, padding=1),
            layers.AveragePooling2D(2),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse", jit_compile=jit_compile)
    history = model.fit(IMAGE, np.ones((2, 1)), batch_size=2, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.thorough
def test_pools_of_several_widths_follow_a_changing_image_size():
    inputs = keras.Input((None, None, 1))
    outputs = inputs
    for filters in (2, 4, 6):
        outputs = layers.MaxPooling2D(padding="same")(layers.Conv2D(filters, 3)(outputs))
    model = keras.Model(inputs, layers.Conv2D(1, 1)(outputs))
    for size in (22, 46, 38):
        images = np.random.default_rng(0).normal(size=(2, size, size, 1)).astype("float32")
        assert model.predict(images, verbose=0).shape == (2, (size - 14) // 8, (size - 14) // 8, 1)


@only_on("tensorflow", reason="is about TensorFlow")
def test_saved_model_and_mirrored_strategy(tmp_path):
    import tensorflow as tf

    model = keras.Sequential(
        [keras.Input((7, 6, 3)), layers.Conv2D(4, 3, padding=1), layers.MaxPooling2D(3, 2, 1)]
    )
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(loaded.serve(IMAGE), model.predict(IMAGE, verbose=0), atol=1e-5)

    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        model = keras.Sequential(
            [keras.Input((7, 6, 3)), layers.MaxPooling2D(3, 2, 1), layers.Conv2D(1, 3)]
        )
        model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(IMAGE, np.ones((2, 2, 1, 1), "float32")))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_a_window_longer_than_the_image_but_not_than_its_padding(kind, rank):
    """PyTorch's own kernel for volumes refuses it."""
    layer = getattr(layers, f"{kind}Pooling{rank}D")(2, padding=1)
    found = keras.ops.convert_to_numpy(layer(np.full((1, *(1,) * rank, 1), 3.0, "float32")))
    np.testing.assert_array_equal(found, np.full((1, *(1,) * rank, 1), 3.0))
