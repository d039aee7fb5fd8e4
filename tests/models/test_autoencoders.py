"""Autoencoders: their two sub-models, their sizes, and what PCA has to do with them."""

import keras
import numpy as np
import pytest

from keras_dlnotes.models import autoencoder, convolutional_autoencoder, denoising_autoencoder

BUILDERS = {
    "dense": lambda **arguments: autoencoder(
        **{"input_shape": (6, 5, 2), "latent_dim": 3, "hidden": (7,), **arguments}
    ),
    "convolutional": lambda **arguments: convolutional_autoencoder(
        **{"input_shape": (6, 5, 2), "latent_dim": 3, "filters": (2, 4), **arguments}
    ),
    "denoising": lambda **arguments: denoising_autoencoder(
        **{"input_shape": (6, 5, 2), "latent_dim": 3, "hidden": (7,), **arguments}
    ),
    "denoising convolutional": lambda **arguments: denoising_autoencoder(
        **{"input_shape": (6, 5, 2), "latent_dim": 3, "filters": (2, 4), **arguments}
    ),
}


def examples(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_model_is_the_decoder_of_the_encoder(build):
    model = build()
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    assert (encoder.output_shape, decoder.output_shape) == ((None, 3), (None, 6, 5, 2))
    assert not model.compiled
    batch = examples(4, 6, 5, 2)
    found = keras.ops.convert_to_numpy(decoder(encoder(batch)))
    np.testing.assert_allclose(found, model.predict(batch, verbose=0), rtol=1e-5, atol=1e-6)


def test_linear_autoencoder_can_be_pca():
    data = examples(50, 8) @ examples(8, 8)
    data -= data.mean(axis=0)
    components = np.linalg.svd(data, full_matrices=False)[2][:3]
    model = autoencoder((8,), latent_dim=3, hidden=())
    model.set_weights([components.T, np.zeros(3), components, np.zeros(8)])
    np.testing.assert_allclose(
        model.predict(data, verbose=0), data @ components.T @ components, rtol=1e-3, atol=1e-4
    )


def test_hidden_layers_are_mirrored():
    model = autoencoder((10,), latent_dim=20, hidden=(8, 6))
    units = [
        [layer.units for layer in model.get_layer(part).layers if hasattr(layer, "units")]
        for part in ("encoder", "decoder")
    ]
    assert units == [[8, 6, 20], [6, 8, 10]]


@pytest.mark.parametrize("size", [(28, 28), (27, 30), (1, 1), (9, 5)])
def test_convolutional_one_gives_any_size_back(size):
    model = convolutional_autoencoder((*size, 3), latent_dim=2, filters=(2, 2, 3))
    assert model.output_shape == (None, *size, 3)
    assert model(examples(2, *size, 3)).shape == (2, *size, 3)


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_output_activation(build):
    batch = 10 * examples(4, 6, 5, 2)
    outputs = keras.ops.convert_to_numpy(build(output_activation="sigmoid")(batch))
    assert 0 <= outputs.min() < outputs.max() <= 1
    assert keras.ops.convert_to_numpy(build()(batch)).min() < 0


def test_noise_is_there_in_training_alone_and_as_strong_as_said():
    model = denoising_autoencoder((50, 40), 2, hidden=(), noise_stddev=0.7)
    noise = model.get_layer("noise")
    zeros = np.zeros((10, 50, 40), "float32")
    assert np.std(keras.ops.convert_to_numpy(noise(zeros, training=True))) == pytest.approx(
        0.7, rel=0.02
    )
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(noise(zeros, training=False)), zeros)


@pytest.mark.thorough
def test_learns_to_take_noise_away():
    """Data on a line: what is beside it is noise, and half of the noise's variance is."""
    generator = np.random.default_rng(0)
    clean = np.outer(generator.normal(size=512), [0.6, 0.8]).astype("float32")
    model = denoising_autoencoder((2,), latent_dim=1, hidden=(), noise_stddev=0.3)
    model.compile(keras.optimizers.Adam(0.03), "mse")
    model.fit(clean, clean, epochs=20, verbose=0)
    noisy = clean + generator.normal(0, 0.3, clean.shape)
    error = np.mean((model.predict(noisy, verbose=0) - clean) ** 2)
    assert error < 0.65 * np.mean((noisy - clean) ** 2)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("dense", "input_shape", (0,)),
        ("dense", "input_shape", ()),
        ("dense", "input_shape", 8),
        ("dense", "latent_dim", 0),
        ("dense", "hidden", (0,)),
        ("dense", "hidden", 3),
        ("convolutional", "input_shape", (8, 8)),
        ("convolutional", "filters", ()),
        ("convolutional", "latent_dim", 1.5),
        ("denoising", "noise_stddev", -1),
        ("denoising", "noise_stddev", "0.1"),
        ("denoising", "latent_dim", None),
        ("denoising convolutional", "input_shape", (8,)),
    ],
)
def test_names_the_bad_argument(name, argument, value):
    with pytest.raises(ValueError, match=f"Argument `{argument}`"):
        BUILDERS[name](**{argument: value})
