"""Autoencoders: an encoder to a code z, and a decoder back, as sub-models of one model."""

from collections.abc import Callable, Sequence
from math import prod

import keras

from keras_dlnotes import layers
from keras_dlnotes.checks import argument_error, integer
from keras_dlnotes.models.sizes import counts, image_shape
from keras_dlnotes.ops.windows import output_length


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
    integer("latent_dim", latent_dim, minimum=1)
    encoder, decoder = _dense(input_shape, latent_dim, hidden, activation, output_activation)
    return _joined(encoder, decoder, "autoencoder")


def convolutional_autoencoder(
    input_shape: Sequence[int],
    latent_dim: int,
    filters: Sequence[int] = (16, 32),
    activation: str | Callable | None = "relu",
    output_activation: str | Callable | None = None,
) -> keras.Model:
    """Builds a convolutional autoencoder: z = f(x), x' = g(z).

    The encoder halves height and width, rounded up, by each of its 3×3 convolutions, and ends in
    a dense layer. The decoder undoes each by a transposed convolution, to the same sizes.

    Args:
        input_shape: (height, width, channels), each ≥ 1.
        latent_dim: dimension of z, ≥ 1.
        filters: number of feature maps of the encoder's convolutions, first to last.
        activation: of all layers but those that make z and x'.
        output_activation: of x'; None for any values, "sigmoid" where all are in [0, 1].

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
    integer("latent_dim", latent_dim, minimum=1)
    encoder, decoder = _convolutional(
        input_shape, latent_dim, filters, activation, output_activation
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
) -> keras.Model:
    """Builds an autoencoder that learns to take noise away: x' = g(f(x + η)).

    In training, and only then, Gaussian noise η is added to the input; `model.fit(x, x)` minimizes
    MSE(x, x') to the clean data. After it, give the model noisy data.

    Args:
        input_shape: of one example; (height, width, channels) where there are `filters`.
        latent_dim: dimension of z, ≥ 1.
        hidden: units of the hidden layers of a dense autoencoder, as in `autoencoder`.
        filters: for a convolutional one instead, as in `convolutional_autoencoder`.
        activation: of the hidden layers.
        output_activation: of x'; None for any values, "sigmoid" where all are in [0, 1].
        noise_stddev: standard deviation of η, ≥ 0, in the unit of the input.

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
    integer("latent_dim", latent_dim, minimum=1)
    is_number = isinstance(noise_stddev, int | float) and not isinstance(noise_stddev, bool)
    if not (is_number and noise_stddev >= 0):
        raise argument_error("noise_stddev", "a number ≥ 0", noise_stddev)
    if filters is None:
        encoder, decoder = _dense(input_shape, latent_dim, hidden, activation, output_activation)
    else:
        encoder, decoder = _convolutional(
            input_shape, latent_dim, filters, activation, output_activation
        )
    noise = keras.layers.GaussianNoise(noise_stddev, name="noise")
    return _joined(encoder, decoder, "denoising_autoencoder", noise)


def _joined(encoder, decoder, name: str, *before) -> keras.Model:
    inputs = outputs = keras.Input(encoder.input_shape[1:])
    for part in (*before, encoder, decoder):
        outputs = part(outputs)
    return keras.Model(inputs, outputs, name=name)


def _dense(input_shape, latent_dim, hidden, activation, output_activation):
    input_shape, hidden = counts("input_shape", input_shape), counts("hidden", hidden)
    if not input_shape:
        raise argument_error("input_shape", "one length an axis, and at least one", input_shape)
    inputs = keras.Input(input_shape)
    outputs = keras.layers.Flatten()(inputs)
    for units in hidden:
        outputs = keras.layers.Dense(units, activation)(outputs)
    encoder = _encoder(inputs, outputs, latent_dim)

    codes = outputs = keras.Input((latent_dim,))
    for units in reversed(hidden):
        outputs = keras.layers.Dense(units, activation)(outputs)
    outputs = keras.layers.Dense(prod(input_shape), output_activation)(outputs)
    outputs = keras.layers.Reshape(input_shape)(outputs)
    return encoder, keras.Model(codes, outputs, name="decoder")


def _convolutional(input_shape, latent_dim, filters, activation, output_activation):
    input_shape, filters = image_shape(input_shape), counts("filters", filters)
    if not filters:
        raise argument_error("filters", "one number a convolution, and at least one", filters)
    inputs = outputs = keras.Input(input_shape)
    sizes = [input_shape[:2]]
    for count in filters:
        outputs = layers.Conv2D(count, 3, strides=2, padding=1, activation=activation)(outputs)
        sizes.append(tuple(output_length(length, 3, 1, stride=2) for length in sizes[-1]))
    smallest = (*sizes[-1], filters[-1])
    encoder = _encoder(inputs, keras.layers.Flatten()(outputs), latent_dim)

    codes = keras.Input((latent_dim,))
    outputs = keras.layers.Dense(prod(smallest), activation)(codes)
    outputs = keras.layers.Reshape(smallest)(outputs)
    stages = zip((input_shape[-1], *filters[:-1]), sizes[:-1], strict=True)
    for stage, (channels, (height, width)) in reversed(list(enumerate(stages))):
        # 4×4 of stride 2, without its outermost pixels, doubles the length; an odd one is cropped
        outputs = layers.Conv2DTranspose(
            channels,
            4,
            strides=2,
            padding="same",
            activation=activation if stage else output_activation,
        )(outputs)
        outputs = keras.layers.Cropping2D(((0, height % 2), (0, width % 2)))(outputs)
    return encoder, keras.Model(codes, outputs, name="decoder")


def _encoder(inputs, outputs, latent_dim: int) -> keras.Model:
    return keras.Model(inputs, keras.layers.Dense(latent_dim, name="code")(outputs), name="encoder")
