"""Autoencoders: an encoder to a code z and a decoder from it, as sub-models of one model."""

from collections.abc import Callable, Sequence
from math import prod

import keras

from keras_dlnotes import layers
from keras_dlnotes.common.checks import number
from keras_dlnotes.models import arguments
from keras_dlnotes.models.channels import over_channels
from keras_dlnotes.models.images import image_shape
from keras_dlnotes.ops.windows import output_length, standardize_data_format


def autoencoder(
    input_shape: Sequence[int],
    latent_dim: int,
    hidden: Sequence[int] = (128,),
    activation: str | Callable | None = "relu",
    output_activation: str | Callable | None = None,
) -> keras.Model:
    """Builds a dense autoencoder: z = f(x), x' = g(z).

    Undercomplete where `latent_dim` is below the number of input values, overcomplete where it is
    above. `model.get_layer("encoder")` is f and `model.get_layer("decoder")` is g; both are models.
    Minimize MSE(x, x'): `model.compile("adam", "mse")`, `model.fit(x, x)`.

    Args:
        input_shape: of one example, such as (28, 28, 1) or (20,).
        latent_dim: dimension of z, ≥ 1.
        hidden: units of the encoder's hidden layers, first to last; the decoder's are the same from
            last to first.
        activation: of the hidden layers.
        output_activation: of x'; None for any values, "sigmoid" where all are in [0, 1].

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, *input_shape).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Autoencoders", "Undercomplete Autoencoders", "Overcomplete Autoencoders".

    Example:

    >>> model = autoencoder((28, 28, 1), latent_dim=32)
    >>> model.get_layer("encoder").output_shape, model.get_layer("decoder").output_shape
    ((None, 32), (None, 28, 28, 1))
    """
    encoder, decoder = _dense(input_shape, latent_dim, hidden, activation, output_activation)
    return _joined(encoder, decoder, "autoencoder")


def convolutional_autoencoder(
    input_shape: Sequence[int],
    latent_dim: int,
    filters: Sequence[int] = (16, 32),
    activation: str | Callable | None = "relu",
    output_activation: str | Callable | None = None,
    data_format: str | None = None,
) -> keras.Model:
    """Builds a convolutional autoencoder: z = f(x), x' = g(z).

    The encoder halves height and width, rounded up, by each of its 3×3 convolutions, and ends in
    a dense layer. The decoder undoes each by a transposed convolution, to the same sizes.

    Args:
        input_shape: (height, width, channels), or (channels, height, width) where channels come
            first; each ≥ 1.
        latent_dim: dimension of z, ≥ 1.
        filters: number of feature maps of the encoder's convolutions, first to last.
        activation: of all layers except those that output z and x'.
        output_activation: of x'; None for any values, "sigmoid" where all are in [0, 1].
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, *input_shape), with the
        sub-models "encoder" and "decoder".

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Autoencoders", "Transposed Convolution".

    Example:

    >>> model = convolutional_autoencoder((27, 30, 3), latent_dim=16)
    >>> model.get_layer("encoder").output_shape, model.output_shape
    ((None, 16), (None, 27, 30, 3))
    """
    encoder, decoder = _convolutional(
        input_shape, latent_dim, filters, activation, output_activation, data_format
    )
    return _joined(encoder, decoder, "convolutional_autoencoder")


def denoising_autoencoder(
    input_shape: Sequence[int],
    latent_dim: int,
    hidden: Sequence[int] = (128,),
    filters: Sequence[int] | None = None,
    activation: str | Callable | None = "relu",
    output_activation: str | Callable | None = None,
    noise_stddev: float = 0.3,
    data_format: str | None = None,
) -> keras.Model:
    """Builds an autoencoder that learns to remove noise: x' = g(f(x + η)).

    In training, and only then, Gaussian noise η is added to the input; `model.fit(x, x)` minimizes
    MSE(x, x') to the clean data. Afterwards, pass noisy data to the model.

    Args:
        input_shape: of one example; where there are `filters`, (height, width, channels), or
            (channels, height, width) where channels come first.
        latent_dim: dimension of z, ≥ 1.
        hidden: units of the hidden layers of a dense autoencoder, as in `autoencoder`.
        filters: for a convolutional one instead, as in `convolutional_autoencoder`.
        activation: of the hidden layers.
        output_activation: of x'; None for any values, "sigmoid" where all are in [0, 1].
        noise_stddev: standard deviation of η, ≥ 0, in the unit of the input.
        data_format: of a convolutional one, "channels_last", "channels_first" or None, Keras's
            default; a dense one flattens its values in their order.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, *input_shape), with the
        sub-models "encoder" and "decoder".

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Denoising Autoencoder".

    Example:

    >>> model = denoising_autoencoder((28, 28, 1), latent_dim=64, filters=(16, 32))
    >>> [layer.name for layer in model.layers][1:]
    ['noise', 'encoder', 'decoder']
    """
    number("noise_stddev", noise_stddev, minimum=0)
    standardize_data_format(data_format)
    if filters is None:
        encoder, decoder = _dense(input_shape, latent_dim, hidden, activation, output_activation)
    else:
        encoder, decoder = _convolutional(
            input_shape, latent_dim, filters, activation, output_activation, data_format
        )
    noise = keras.layers.GaussianNoise(noise_stddev, name="noise")
    return _joined(encoder, decoder, "denoising_autoencoder", noise)


def _joined(encoder, decoder, name: str, *before) -> keras.Model:
    inputs = outputs = keras.Input(encoder.input_shape[1:])
    for part in (*before, encoder, decoder):
        outputs = part(outputs)
    return keras.Model(inputs, outputs, name=name)


def _dense(input_shape, latent_dim, hidden, activation, output_activation):
    input_shape = arguments.example_shape(input_shape)
    _check_codes(latent_dim, activation, output_activation)
    hidden = arguments.counts("hidden", hidden)
    arguments.check_weights(
        ("input_shape", input_shape, prod(input_shape)),
        ("hidden", hidden, *hidden),
        ("latent_dim", latent_dim, latent_dim),
    )
    inputs = keras.Input(input_shape)
    # whatever the axes mean, the decoder puts the values back in this order
    outputs = keras.layers.Flatten("channels_last")(inputs)
    for units in hidden:
        outputs = keras.layers.Dense(units, activation)(outputs)
    encoder = _encoder(inputs, outputs, latent_dim)

    codes = outputs = keras.Input((latent_dim,))
    for units in reversed(hidden):
        outputs = keras.layers.Dense(units, activation)(outputs)
    outputs = keras.layers.Dense(prod(input_shape), output_activation)(outputs)
    outputs = keras.layers.Reshape(input_shape)(outputs)
    return encoder, keras.Model(codes, outputs, name="decoder")


def _convolutional(input_shape, latent_dim, filters, activation, output_activation, data_format):
    images = image_shape(input_shape, data_format)
    _check_codes(latent_dim, activation, output_activation)
    filters = arguments.counts("filters", filters, fewest=1)
    sizes = [images.lengths]
    for _ in filters:
        sizes.append(tuple(output_length(length, 3, 1, stride=2) for length in sizes[-1]))
    smallest = (*sizes[-1], filters[-1])
    arguments.check_weights(  # of the decoder's convolutions, which are the larger ones
        ("input_shape", input_shape, images.channels), ("filters", filters, *filters), taps=16
    )
    arguments.check_weights(
        ("filters", filters, prod(smallest)), ("latent_dim", latent_dim, latent_dim)
    )

    layout = {"data_format": images.data_format}
    of_maps = over_channels(activation, images)
    inputs = outputs = keras.Input(images.shape)
    for count in filters:
        convolution = layers.Conv2D(count, 3, strides=2, padding=1, activation=of_maps, **layout)
        outputs = convolution(outputs)
    encoder = _encoder(inputs, keras.layers.Flatten(**layout)(outputs), latent_dim)

    codes = keras.Input((latent_dim,))
    outputs = keras.layers.Dense(prod(smallest), activation)(codes)
    outputs = keras.layers.Reshape(smallest)(outputs)
    if images.data_format == "channels_first":
        outputs = keras.layers.Permute((3, 1, 2))(outputs)
    stages = zip((images.channels, *filters[:-1]), sizes[:-1], strict=True)
    for stage, (channels, (height, width)) in reversed(list(enumerate(stages))):
        # 4×4 of stride 2, without its outermost pixels, doubles the length; an odd one is cropped
        outputs = layers.Conv2DTranspose(
            channels,
            4,
            strides=2,
            padding="same",
            activation=of_maps if stage else over_channels(output_activation, images),
            **layout,
        )(outputs)
        cropping = keras.layers.Cropping2D(((0, height % 2), (0, width % 2)), **layout)
        outputs = cropping(outputs)
    return encoder, keras.Model(codes, outputs, name="decoder")


def _check_codes(latent_dim, activation, output_activation) -> None:
    arguments.count("latent_dim", latent_dim)
    arguments.activation("activation", activation)
    arguments.activation("output_activation", output_activation)


def _encoder(inputs, outputs, latent_dim: int) -> keras.Model:
    return keras.Model(inputs, keras.layers.Dense(latent_dim, name="code")(outputs), name="encoder")
