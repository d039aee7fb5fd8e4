"""Transposed convolution layers: Keras's own, with explicit cropping, by `ops.conv_transpose`."""

import keras

from keras_dlnotes import ops
from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.layers.conv import Convolution
from keras_dlnotes.layers.documentation import WEIGHTS_AND_SHAPES, for_rank
from keras_dlnotes.layers.layout import channels_last, in_layout
from keras_dlnotes.ops.conv_arguments import check_input_shape, count
from keras_dlnotes.ops.conv_transpose import (
    standardize_output_padding,
    transposed_shape,
    transposed_window,
)


class _TransposedConvolution(Convolution):
    make_window = staticmethod(transposed_window)

    def __init__(self, *args, groups=1, **kwargs):
        arguments = self.bind(args, kwargs)
        self.groups = count("groups", groups)
        if count("filters", arguments["filters"]) % self.groups:
            raise argument_error("groups", f"a divisor of filters={arguments['filters']}", groups)
        strides = self._check(arguments).strides
        output_padding = standardize_output_padding(arguments["output_padding"], strides)
        super().__init__(**{**arguments, "output_padding": None})
        self.output_padding = output_padding

    def call(self, inputs):
        outputs = ops.conv_transpose(
            inputs,
            self.kernel,
            self.bias,
            output_padding=self.output_padding,
            groups=self.groups,
            **self._geometry(),
        )
        return outputs if self.activation is None else self.activation(outputs)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)  # raises where the crop leaves nothing
        super().build(input_shape)
        if self.kernel.shape[-1] % self.groups:
            raise argument_error(
                "groups", f"a divisor of {self.kernel.shape[-1]} channels", self.groups
            )

    def add_weight(self, *args, **kwargs):
        """Adds a weight; of the kernel, which Keras gives all filters, a group has its own."""
        if kwargs.get("name") == "kernel":
            *size, filters, channels = kwargs["shape"]
            kwargs["shape"] = (*size, filters // self.groups, channels)
        return super().add_weight(*args, **kwargs)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}

    def compute_output_shape(self, input_shape):
        check_input_shape(input_shape, self.rank)
        *outside, _ = channels_last(input_shape, self.data_format)
        *outside, _ = transposed_shape((*outside, None), self._window, self.output_padding)
        return in_layout((*outside, self.filters), self.data_format)


_DOCUMENTATION = (
    """{rank}-D transposed convolution: the adjoint of a convolution, for upsampling.

    y(j) = Σ x(i) K(u)ᵀ + b over all i and u with i·s + u·d − p = j; the output is
    (m−1)s − 2p + d(k−1) + output_padding + 1 long along each axis. For the same K, s, p and d,
    ⟨Conv(v), x⟩ = ⟨v, ConvTranspose(x)⟩ for all v and x, apart from the biases.

    The layer is `keras.layers.Conv{rank}DTranspose` with the same arguments, weights and config.
    Beyond it, `padding` may be explicit, and strides may be combined with dilation.

    Args:
        filters: int ≥ 1, number of output channels.
        kernel_size: int k ≥ 1, or {rank} of them.
        strides: int s ≥ 1, or {rank} of them.
        padding: "valid" or "same" (Keras's words), or what is cropped from the output, as in
            PyTorch: int p ≥ 0 on every side, or for each axis an int or a (before, after) pair.
        output_padding: None, or int in [0, s), or {rank} of them: how much longer the output is at
            its end. None means 0, or with "same" and "valid" Keras's choice: m·s, and at least
            m·s.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        dilation_rate: spacing d ≥ 1 of the kernel's elements, or {rank} of them.
        groups: int ≥ 1 that divides the channels in and out, keyword only; each group sees its own
            channels, and the kernel's shape is (k, …, filters / groups, channels in)."""
    + WEIGHTS_AND_SHAPES
    + """
    Raises:
        ValueError: for an argument out of range, at construction; for a crop that leaves nothing,
            at build.

    Reference:
        Lecture notes, "Upsampling", "Transposed Convolution".

    Example:

    >>> layer = Conv{rank}DTranspose(16, 3, strides=2, padding=1, output_padding=1)
    >>> layer(keras.ops.ones((2, {fours}, 3))).shape == (2, {eights}, 16)
    True
    """
)


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv1DTranspose(_TransposedConvolution, keras.layers.Conv1DTranspose):
    __doc__ = for_rank(_DOCUMENTATION, 1)
    rank = 1


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv2DTranspose(_TransposedConvolution, keras.layers.Conv2DTranspose):
    __doc__ = for_rank(_DOCUMENTATION, 2)
    rank = 2


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv3DTranspose(_TransposedConvolution, keras.layers.Conv3DTranspose):
    __doc__ = for_rank(_DOCUMENTATION, 3)
    rank = 3
