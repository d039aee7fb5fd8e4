"""Activations over the channels, in either layout."""

from collections.abc import Callable

import keras
from keras import ops

from keras_dlnotes.models.images import Images

# these are not elementwise: they act along the last axis
_ALONG_THE_LAST_AXIS = ("glu", "log_softmax", "softmax", "sparsemax")


def over_channels(activation: str | Callable | None, images: Images) -> str | Callable | None:
    """Returns the activation for a layer of this layout, such that a softmax is over the channels.

    Keras's elementwise activations are unchanged. Any other function gets the channels last, where
    they come first.
    """
    function = keras.activations.get(activation)
    name = getattr(function, "__name__", "")
    is_known = getattr(keras.activations, name, None) is function
    if images.data_format == "channels_last" or (is_known and name not in _ALONG_THE_LAST_AXIS):
        return activation
    return OverChannels(activation)


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class OverChannels(keras.layers.Layer):
    """Applies an activation of the last axis to tensors whose channels come first.

    Args:
        activation: φ, such as "softmax".

    Input shape:
        (batch, channels, …).

    Output shape:
        The same.

    Example:

    >>> probabilities = OverChannels("softmax")(keras.ops.zeros((1, 4, 3, 5)))
    >>> keras.ops.convert_to_numpy(probabilities)[0, :, 2, 2].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.supports_masking = True

    def call(self, inputs):
        return ops.moveaxis(self.activation(ops.moveaxis(inputs, 1, -1)), -1, 1)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}
