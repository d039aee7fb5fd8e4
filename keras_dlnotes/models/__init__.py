"""Model builders: arguments → an uncompiled functional `keras.Model`."""

from keras_dlnotes.models.convnets import conv_block, convnet

__all__ = ["conv_block", "convnet"]
