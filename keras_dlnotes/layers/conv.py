"""Convolution layers: Keras's own, with explicit padding and the gradients of `ops.conv`."""

import keras

from keras_dlnotes import ops
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.ops.conv import conv_window
from keras_dlnotes.ops.windows import output_shape


class _Convolution(KeepsSignature):
    """What the ranks share: everything but the number of axes."""

    rank: int

    def __init__(self, *args, **kwargs):
        arguments = self.bind(args, kwargs)
        window = conv_window(
            *(arguments[name] for name in ("kernel_size", "strides", "padding", "dilation_rate")),
            rank=self.rank,
        )
        padding = arguments["padding"]
        # Keras knows neither explicit padding nor strides together with dilation
        arguments.update(padding="valid", strides=1)
        super().__init__(**arguments)
        self.padding = padding if isinstance(padding, int) else window.padding
        self.strides = window.strides
        self._window = window

    def convolution_op(self, inputs, kernel):
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def compute_output_shape(self, input_shape):
        if self.data_format == "channels_first":
            batch, _, *lengths = input_shape
        else:
            batch, *lengths, _ = input_shape
        batch, *lengths, _ = output_shape((batch, *lengths, None), self._window)
        if self.data_format == "channels_first":
            return (batch, self.filters, *lengths)
        return (batch, *lengths, self.filters)


def _documentation(rank: int) -> str:
    index = ("i", "i, j", "i, j, l")[rank - 1]
    tap = ("u", "u, v", "u, v, w")[rank - 1]
    lengths = ("length", "height, width", "depth, height, width")[rank - 1]
    word = '"valid", "same", "causal"' if rank == 1 else '"valid", "same"'
    shape = ", ".join(["2", *["8"] * rank, "3"])
    halved = ", ".join(["2", *["4"] * rank, "16"])
    return f"""{rank}-D convolution (a cross-correlation) with explicit padding.

    S({index}) = Σ I(({index})·s + ({tap})·d − p) K({tap}) + b, summed over the taps ({tap}) of the
    kernel and over the input channels; m_f = ⌊(m + 2p − d(k−1) − 1)/s⌋ + 1 along each axis.

    The layer is `keras.layers.Conv{rank}D` with the same arguments, weights and config. Beyond it,
    `padding` may be explicit, as in PyTorch, and strides go together with dilation.

    Args:
        filters: int ≥ 1, number of output channels.
        kernel_size: int k ≥ 1, or {rank} of them.
        strides: int s ≥ 1, or {rank} of them.
        padding: {word} (Keras's words), int p ≥ 0 on every side, or for each axis an int
            or a (before, after) pair.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        dilation_rate: spacing d ≥ 1 of the kernel's taps, or {rank} of them.
        groups: int ≥ 1 that divides the channels in and out; each group sees its own channels.
        activation: the detector stage; None for none.
        use_bias: whether b is added.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint: as in Keras.

    Input shape:
        (batch, {lengths}, channels), or (batch, channels, {lengths}).

    Output shape:
        (batch, {lengths}, filters), or (batch, filters, {lengths}).

    Raises:
        ValueError: for an argument out of range, at construction; for a kernel longer than the
            padded input, at build.

    Reference:
        Lecture notes, "How Convolution Works", "Stride", "Padding", "Dimension of the Output".

    Example:

    >>> layer = Conv{rank}D(16, 3, strides=2, padding=1)
    >>> layer(keras.ops.ones(({shape}))).shape == ({halved})
    True
    """


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv1D(_Convolution, keras.layers.Conv1D):
    __doc__ = _documentation(1)
    rank = 1
    # Keras's own Conv1D pads in `call`; the other ranks leave all to `convolution_op`
    call = keras.layers.Conv2D.call


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv2D(_Convolution, keras.layers.Conv2D):
    __doc__ = _documentation(2)
    rank = 2


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Conv3D(_Convolution, keras.layers.Conv3D):
    __doc__ = _documentation(3)
    rank = 3
