"""Every builder, with the arguments of a model that is quick to build."""

import keras

from keras_dlnotes import models


def conv_block_model(input_shape, **arguments):
    """`conv_block` as a model: it takes a tensor where the others take a shape."""
    inputs = keras.Input(tuple(input_shape))
    return keras.Model(inputs, models.conv_block(inputs, **arguments))


# whose input is images, (height, width, channels), or channels first
IMAGE_BUILDERS = {
    "conv_block": (conv_block_model, {"input_shape": (6, 8, 2), "filters": 3}),
    "convnet": (
        models.convnet,
        {"input_shape": (9, 8, 2), "classes": 3, "filters": (2, 4), "hidden": (5,)},
    ),
    "convolutional_autoencoder": (
        models.convolutional_autoencoder,
        {"input_shape": (7, 6, 3), "latent_dim": 4, "filters": (2, 3)},
    ),
    "denoising_autoencoder": (
        models.denoising_autoencoder,
        {"input_shape": (7, 6, 3), "latent_dim": 4, "filters": (2, 3)},
    ),
    "densenet": (
        models.densenet,
        {"input_shape": (None, None, 2), "classes": 3, "blocks": (1, 2), "growth_rate": 2},
    ),
    "one_to_many": (
        models.one_to_many,
        {"input_shape": (3, 4, 2), "steps": 3, "outputs": 2, "units": 4},
    ),
    "resnet": (
        models.resnet,
        {"input_shape": (None, None, 2), "classes": 3, "filters": (2, 4), "blocks": (1, 1)},
    ),
    "unet": (
        models.unet,
        {"input_shape": (None, None, 2), "classes": 3, "filters": 2, "depth": 2},
    ),
    "vgg": (
        models.vgg,
        {
            "input_shape": (9, 8, 2),
            "classes": 3,
            "filters": (2, 4),
            "blocks": (1, 2),
            "hidden": (5,),
        },
    ),
    "vgg16": (models.vgg16, {"input_shape": (32, 33, 2), "classes": 3, "width": 0.01}),
}

OTHER_BUILDERS = {
    "autoencoder": (models.autoencoder, {"input_shape": (3, 4, 2), "latent_dim": 2}),
    "language_model": (models.language_model, {"vocabulary_size": 9, "units": 4}),
    "many_to_many": (models.many_to_many, {"input_shape": (None, 3), "outputs": 2, "units": 4}),
    "many_to_one": (models.many_to_one, {"input_shape": (None, 3), "outputs": 2, "units": 4}),
    "sequence_to_sequence": (
        models.sequence_to_sequence,
        {"source_vocabulary": 9, "target_vocabulary": 8, "units": 4},
    ),
    "tagger": (models.tagger, {"vocabulary_size": 9, "tags": 3, "units": 4}),
}


def build(name, **arguments):
    builder, defaults = {**IMAGE_BUILDERS, **OTHER_BUILDERS}[name]
    return builder(**{**defaults, **arguments})
