"""Model builders: arguments → an uncompiled functional `keras.Model`."""

from keras_dlnotes.models.autoencoders import (
    autoencoder,
    convolutional_autoencoder,
    denoising_autoencoder,
)
from keras_dlnotes.models.convnets import conv_block, convnet
from keras_dlnotes.models.densenet import densenet, densenet121
from keras_dlnotes.models.generation import decode, sample
from keras_dlnotes.models.language import language_model, sequence_to_sequence, tagger
from keras_dlnotes.models.resnet import resnet
from keras_dlnotes.models.sequence import many_to_many, many_to_one, one_to_many
from keras_dlnotes.models.unet import unet
from keras_dlnotes.models.vgg import vgg, vgg16

__all__ = [
    "autoencoder",
    "conv_block",
    "convnet",
    "convolutional_autoencoder",
    "decode",
    "denoising_autoencoder",
    "densenet",
    "densenet121",
    "language_model",
    "many_to_many",
    "many_to_one",
    "one_to_many",
    "resnet",
    "sample",
    "sequence_to_sequence",
    "tagger",
    "unet",
    "vgg",
    "vgg16",
]
