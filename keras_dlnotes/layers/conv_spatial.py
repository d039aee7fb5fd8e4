"""Spatially separable convolution: a k×1 kernel, then a 1×k kernel."""

import keras
import numpy as np
from keras import activations, constraints, initializers, regularizers

from keras_dlnotes import ops
from keras_dlnotes.common.checks import argument_error, flag
from keras_dlnotes.layers.conv import convolved_shape
from keras_dlnotes.layers.layout import in_layout
from keras_dlnotes.ops.conv_arguments import (
    check_channels,
    check_input_shape,
    conv_window,
    count,
)
from keras_dlnotes.ops.conv_separable import low_rank
from keras_dlnotes.ops.padding_modes import check_padding_mode
from keras_dlnotes.ops.windows import one_axis_each, standardize_data_format


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class SpatiallySeparableConv2D(keras.layers.Layer):
    """2-D convolution by a column and then a row, never by the k×k kernel that is their product.

    S(i, j) = Σ_n R(n) Σ_m C(m) I(i·s + m·d − p, j·s + n·d − p) + b: the convolution with
    K(m, n) = R(n) C(m), for k·M·N + k·N·N multiplications per output position with M channels and N
    filters, instead of k²·M·N. Not all kernels are separable; `from_convolution` finds the pair
    closest to a trained one.

    Args:
        filters: int N ≥ 1, number of output channels, and of channels between both steps.
        kernel_size: int k ≥ 1, or two of them: the lengths of the column and of the row.
        strides: int s ≥ 1, or two of them.
        padding: "valid", "same" (Keras's words), int p ≥ 0 on every side, or for each axis an int
            or a (before, after) pair.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        dilation_rate: spacing d ≥ 1 of the kernels' elements, or two of them.
        activation: applied last; None for none.
        use_bias: whether b is added.
        kernel_initializer, kernel_regularizer, kernel_constraint: of both kernels, as in Keras.
        bias_initializer, bias_regularizer, bias_constraint, activity_regularizer: as in Keras.
        padding_mode: "zeros", "reflect", "replicate" or "circular", as in `Conv2D`; keyword only.

    Input shape:
        (batch, height, width, channels), or (batch, channels, height, width).

    Output shape:
        (batch, height, width, filters), or (batch, filters, height, width); each length m becomes
        ⌊(m + 2p − d(k−1) − 1)/s⌋ + 1.

    Raises:
        ValueError: for an argument out of range, at construction; for a kernel longer than the
            padded input, at build.

    Reference:
        Lecture notes, "Spatial Separable Convolutions".

    Example:

    >>> layer = SpatiallySeparableConv2D(16, 5, padding=2)
    >>> layer(keras.ops.ones((1, 8, 8, 3))).shape == (1, 8, 8, 16)
    True
    >>> [tuple(weight.shape) for weight in layer.weights]
    [(5, 1, 3, 16), (1, 5, 16, 16), (16,)]
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        *,
        padding_mode="zeros",
        **kwargs,
    ):
        self._window = conv_window(kernel_size, strides, padding, dilation_rate, rank=2)
        self.padding_mode = check_padding_mode(padding_mode, self._window)
        self.filters = count("filters", filters)
        super().__init__(activity_regularizer=regularizers.get(activity_regularizer), **kwargs)
        self.kernel_size, self.strides = self._window.size, self._window.strides
        self.dilation_rate = self._window.dilation
        self.padding = padding if isinstance(padding, int) else self._window.padding
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = flag("use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    @classmethod
    def from_convolution(cls, layer) -> tuple["SpatiallySeparableConv2D", float]:
        """Returns the layer closest to a trained convolution, and its relative error.

        With K as a matrix of (m, channel in) rows and (n, filter) columns, C and R are the factors
        of its best approximation of rank N, so no separable layer of this form is closer.

        Args:
            layer: a built `Conv2D` of this package or of Keras, without groups.

        Returns:
            (layer, residual): a built layer of the same name and settings, and the relative error
            ‖K − R·C‖ / ‖K‖ of its kernel in the Frobenius norm, in [0, 1).

        Raises:
            ValueError: for any other layer.

        Example:

        >>> sobel = np.reshape([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], (3, 3, 1, 1))
        >>> layer = keras.layers.Conv2D(1, 3, use_bias=False)
        >>> layer.build((None, 8, 8, 1))
        >>> layer.set_weights([sobel])
        >>> separable, residual = SpatiallySeparableConv2D.from_convolution(layer)
        >>> residual < 1e-6
        True
        """
        if not isinstance(layer, keras.layers.Conv2D) or not layer.built or layer.groups != 1:
            raise argument_error("layer", "a built Conv2D without groups", layer)
        config = layer.get_config()
        kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), "float64")
        k_h, k_w, channels, filters = kernel.shape
        matrix = kernel.transpose(0, 2, 1, 3).reshape(k_h * channels, k_w * filters)
        left, right, residual = low_rank(matrix, filters)
        column = left.reshape(k_h, 1, channels, filters)
        row = right.reshape(filters, 1, k_w, filters).transpose(1, 2, 0, 3)
        for name in ("groups", "lora_rank", "lora_alpha", "quantization_config"):
            config.pop(name, None)
        separable = cls.from_config(config)
        separable.build(in_layout((None, None, None, channels), layer.data_format))
        bias = [keras.ops.convert_to_numpy(layer.bias)] if layer.use_bias else []
        separable.set_weights([column, row, *bias])
        return separable, residual

    def build(self, input_shape):
        check_input_shape(input_shape, 2)
        check_channels(input_shape, self.data_format)
        self.compute_output_shape(input_shape)  # raises where a kernel does not fit
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        k_h, k_w = self.kernel_size
        common = {
            "initializer": self.kernel_initializer,
            "regularizer": self.kernel_regularizer,
            "constraint": self.kernel_constraint,
        }
        self.column_kernel = self.add_weight(
            name="column_kernel", shape=(k_h, 1, channels, self.filters), **common
        )
        self.row_kernel = self.add_weight(
            name="row_kernel", shape=(1, k_w, self.filters, self.filters), **common
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs):
        down, across = one_axis_each(self._window)
        columns = self._convolve(inputs, self.column_kernel, None, (down, None))
        outputs = self._convolve(columns, self.row_kernel, self.bias, (None, across))
        return outputs if self.activation is None else self.activation(outputs)

    def _convolve(self, inputs, kernel, bias, along):
        """One of the two steps: the window of one axis, and none along the other."""
        word = self._window.padding if isinstance(self._window.padding, str) else None
        return ops.conv(
            inputs,
            kernel,
            bias,
            strides=[1 if window is None else window.strides[0] for window in along],
            padding=word or [0 if window is None else window.padding[0] for window in along],
            data_format=self.data_format,
            dilation_rate=[1 if window is None else window.dilation[0] for window in along],
            padding_mode=self.padding_mode,
        )

    def compute_output_shape(self, input_shape):
        return convolved_shape(input_shape, self._window, self.filters, self.data_format)

    def get_config(self):
        serializers = {
            "initializer": initializers.serialize,
            "regularizer": regularizers.serialize,
            "constraint": constraints.serialize,
        }
        config = {
            f"{weight}_{kind}": serialize(getattr(self, f"{weight}_{kind}"))
            for weight in ("kernel", "bias")
            for kind, serialize in serializers.items()
        }
        names = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        names += ("padding_mode",)
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **config,
        }
