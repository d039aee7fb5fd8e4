"""Depthwise and depthwise-separable layers: Keras's own, with explicit padding."""

import keras

from keras_dlnotes import ops
from keras_dlnotes.layers.conv import PaddedConvolution, convolved_shape
from keras_dlnotes.layers.documentation import (
    GEOMETRY,
    PADDING_MODE,
    WEIGHTS_AND_SHAPES,
    for_rank,
)
from keras_dlnotes.ops.conv_arguments import check_input_shape


class _DepthwiseConvolution(PaddedConvolution):
    def call(self, inputs):
        outputs = ops.depthwise_conv(inputs, self.kernel, self.bias, **self._geometry())
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        check_input_shape(input_shape, self.rank)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        channels = None if channels is None else self.depth_multiplier * channels
        return convolved_shape(input_shape, self._window, channels, self.data_format)


class _SeparableConvolution(PaddedConvolution):
    def call(self, inputs):
        filtered = ops.depthwise_conv(inputs, self.depthwise_kernel, **self._geometry())
        outputs = ops.conv(filtered, self.pointwise_kernel, self.bias, data_format=self.data_format)
        return outputs if self.activation is None else self.activation(outputs)


_DEPTHWISE = """{rank}-D depthwise convolution: each channel has filters of its own.

    S({index}, c·n + l) = Σ I(({index})·s + ({offset})·d − p, c) K({offset}, c, l) + b, summed
    over ({offset}), for the n = depth_multiplier filters l of channel c.

    The layer is `keras.layers.DepthwiseConv{rank}D` with the same arguments, weights and config.
    Beyond it, `padding` may be explicit, as in PyTorch, and strides may be combined with dilation.

    Args:
        kernel_size: int k ≥ 1, or {rank} of them.
        depth_multiplier: int n ≥ 1, number of filters per channel.
"""
_SEPARABLE = """{rank}-D depthwise-separable convolution: first each channel alone, then 1×1.

    S({index}) = Σ_c P(c) Σ I(({index})·s + ({offset})·d − p, c) K({offset}, c) + b: K filters each
    channel, the pointwise kernel P mixes the channels. For M channels and N filters that takes
    {volume}·M + M·N multiplications per output position; a convolution takes {volume}·M·N.

    The layer is `keras.layers.SeparableConv{rank}D` with the same arguments, weights and config.
    Beyond it, `padding` may be explicit, as in PyTorch, and strides may be combined with dilation.

    Args:
        filters: int ≥ 1, number of output channels.
        kernel_size: int k ≥ 1, or {rank} of them.
        depth_multiplier: int ≥ 1, number of filters per channel in the first step.
"""
_REST = (
    GEOMETRY
    + PADDING_MODE
    + WEIGHTS_AND_SHAPES
    + """
    Raises:
        ValueError: for an argument out of range, at construction; for a kernel longer than the
            padded input, at build.

    Reference:
        Lecture notes, "Depthwise-separable Convolution", "Comparing the Computation".

    Example:

    >>> layer = {kind}Conv{rank}D({first}3, strides=2, padding=1, depth_multiplier=2)
    >>> layer(keras.ops.ones((2, {eights}, 3))).shape == (2, {fours}, {count})
    True
    """
)


def _documentation(kind: str, rank: int) -> str:
    if kind == "Depthwise":
        filters = "channels·depth_multiplier"
        template = _DEPTHWISE + _REST
        return for_rank(template, rank, ("depthwise",), filters, kind=kind, first="", count="6")
    kernels = ("depthwise", "pointwise")
    return for_rank(_SEPARABLE + _REST, rank, kernels, kind=kind, first="16, ", count="16")


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class DepthwiseConv1D(_DepthwiseConvolution, keras.layers.DepthwiseConv1D):
    __doc__ = _documentation("Depthwise", 1)
    rank = 1


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class DepthwiseConv2D(_DepthwiseConvolution, keras.layers.DepthwiseConv2D):
    __doc__ = _documentation("Depthwise", 2)
    rank = 2


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class SeparableConv1D(_SeparableConvolution, keras.layers.SeparableConv1D):
    __doc__ = _documentation("Separable", 1)
    rank = 1


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class SeparableConv2D(_SeparableConvolution, keras.layers.SeparableConv2D):
    __doc__ = _documentation("Separable", 2)
    rank = 2
