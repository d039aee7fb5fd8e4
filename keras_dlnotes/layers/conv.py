"""Convolution layers: Keras's own, with explicit padding and the gradients of `ops.conv`."""

import keras

from keras_dlnotes import ops
from keras_dlnotes.common.checks import flag
from keras_dlnotes.layers.documentation import (
    GEOMETRY,
    PADDING_MODE,
    WEIGHTS_AND_SHAPES,
    for_rank,
)
from keras_dlnotes.layers.layout import channels_last, in_layout
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.ops.conv_arguments import (
    check_channels,
    check_input_shape,
    check_tensor_size,
    conv_window,
    count,
)
from keras_dlnotes.ops.padding_modes import check_padding_mode
from keras_dlnotes.ops.windows import Window, output_shape


class Convolution(KeepsSignature):
    """What all ranks and kinds share: a geometry that the Keras layer behind it lacks."""

    rank: int
    make_window = staticmethod(conv_window)

    def __init__(self, *args, **kwargs):
        arguments = self.bind(args, kwargs)
        window = self._check(arguments)
        for name in ("filters", "groups", "depth_multiplier"):
            if name in arguments:
                arguments[name] = count(name, arguments[name])
        arguments["use_bias"] = flag("use_bias", arguments["use_bias"])
        check_tensor_size("kernel_size", (*window.size, arguments.get("filters", 1)), window.size)
        padding, arguments["kernel_size"] = arguments["padding"], window.size
        # Keras has neither explicit padding nor strides combined with dilation
        super().__init__(**{**arguments, "padding": "valid", "strides": 1, "dilation_rate": 1})
        self.padding = padding if isinstance(padding, int) else window.padding
        self.strides, self.dilation_rate = window.strides, window.dilation
        self._window = window

    def _check(self, arguments: dict) -> Window:
        names = ("kernel_size", "strides", "padding", "dilation_rate")
        geometry = [arguments[name] for name in names]  # four, which the checker cannot know
        return self.make_window(*geometry, rank=self.rank)  # type: ignore[misc]

    def build(self, input_shape):
        check_input_shape(input_shape, self.rank)
        check_channels(input_shape, self.data_format)
        super().build(input_shape)

    def _geometry(self) -> dict:
        names = ("strides", "padding", "data_format", "dilation_rate")
        return {name: getattr(self, name) for name in names}

    def compute_output_shape(self, input_shape):
        return convolved_shape(input_shape, self._window, self.filters, self.data_format)


def convolved_shape(input_shape, window: Window, channels: int, data_format: str) -> tuple:
    """Returns the shape after a convolution, in the layout of the input."""
    check_input_shape(input_shape, len(window.size))
    *outside, _ = channels_last(input_shape, data_format)
    *outside, _ = output_shape((*outside, None), window)
    return in_layout((*outside, channels), data_format)


class PaddedConvolution(Convolution):
    """A convolution whose padding may hold pixels of the image."""

    def __init__(self, *args, padding_mode="zeros", **kwargs):
        super().__init__(*args, **kwargs)
        self.padding_mode = check_padding_mode(padding_mode, self._window)

    def _geometry(self) -> dict:
        return {**super()._geometry(), "padding_mode": self.padding_mode}

    def get_config(self):
        return {**super().get_config(), "padding_mode": self.padding_mode}


class _Convolution(PaddedConvolution):
    def call(self, inputs):
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias and self.data_format == "channels_last":
            outputs = keras.ops.add(outputs, self.bias)
        elif self.use_bias:
            # on TensorFlow `keras.ops.add` would add it along a last axis of the same length
            outputs = outputs + keras.ops.reshape(self.bias, (-1, *(1,) * self.rank))
        return outputs if self.activation is None else self.activation(outputs)

    def convolution_op(self, inputs, kernel):
        return ops.conv(inputs, kernel, **self._geometry())


_DOCUMENTATION = (
    """{rank}-D convolution (a cross-correlation) with explicit padding.

    S({index}) = Σ I(({index})·s + ({offset})·d − p) K({offset}) + b, summed over ({offset}) and
    over the input channels; m_f = ⌊(m + 2p − d(k−1) − 1)/s⌋ + 1 along each axis.

    The layer is `keras.layers.Conv{rank}D` with the same arguments, weights and config. Beyond it,
    `padding` may be explicit, as in PyTorch, and strides may be combined with dilation.

    Args:
        filters: int ≥ 1, number of output channels.
        kernel_size: int k ≥ 1, or {rank} of them.
"""
    + GEOMETRY
    + """
        groups: int ≥ 1 that divides the channels in and out; each group sees its own channels."""
    + PADDING_MODE
    + WEIGHTS_AND_SHAPES
    + """
    Raises:
        ValueError: for an argument out of range, at construction; for a kernel longer than the
            padded input, at build.

    Reference:
        Lecture notes, "How Convolution Works", "Stride", "Padding", "Dimension of the Output".

    Example:

    >>> layer = Conv{rank}D(16, 3, strides=2, padding=1)
    >>> layer(keras.ops.ones((2, {eights}, 3))).shape == (2, {fours}, 16)
    True
    """
)


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv1D(_Convolution, keras.layers.Conv1D):
    __doc__ = for_rank(_DOCUMENTATION, 1)
    rank = 1


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv2D(_Convolution, keras.layers.Conv2D):
    __doc__ = for_rank(_DOCUMENTATION, 2)
    rank = 2


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv3D(_Convolution, keras.layers.Conv3D):
    __doc__ = for_rank(_DOCUMENTATION, 3)
    rank = 3
