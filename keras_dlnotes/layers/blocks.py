"""Blocks: layers made of layers, with skip connections."""

import keras

from keras_dlnotes.common.checks import LARGEST, argument_error, fraction, integer
from keras_dlnotes.layers.conv import Conv1D, Conv2D, Conv3D
from keras_dlnotes.layers.norm import BatchNormalization
from keras_dlnotes.layers.types import floating_inputs
from keras_dlnotes.ops.dtypes import real
from keras_dlnotes.ops.windows import standardize_data_format

# replaces a length that only the call will know; divisible by most products of strides
_PROBE = 2**7 * 3**2 * 5
_MOST_LAYERS = 1024  # more would take minutes to build, and endless memory


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Residual(keras.layers.Layer):
    """A residual connection: the branch learns what to add to its input.

    y = φ(branch(x) + x), and y = φ(branch(x) + P x) where the shapes differ, with a 1×1 convolution
    P of stride s (a `Dense` layer where there are no lengths). ∂E/∂x = (∂branch/∂x)ᵀ D + D: the
    upstream gradient D passes undamped, however deep the stack.

    Args:
        branch: a layer or a model, or a list of layers to be applied in turn.
        activation: φ, after the sum; None for none.
        data_format: layout of the 1×1 convolution, "channels_last", "channels_first" or None,
            Keras's default.

    Input shape:
        Whatever the branch takes.

    Output shape:
        That of the branch. If it is not the input's, it must have as many axes, and its lengths
        must be the input's divided by a stride, ⌈m/s⌉.

    Raises:
        ValueError: for a branch that is no layer, at construction; for one whose output shape no
            1×1 convolution of the input has, at build.

    Reference:
        Lecture notes, "Residual Connection"; K. He et al., "Deep Residual Learning for Image
        Recognition", 2015.

    Example:

    >>> branch = [Conv2D(32, 3, strides=2, padding=1, activation="relu"), Conv2D(32, 3, padding=1)]
    >>> layer = Residual(branch, activation="relu")
    >>> layer(keras.ops.ones((1, 8, 8, 16))).shape == (1, 4, 4, 32)
    True
    >>> layer.projection.kernel.shape == (1, 1, 16, 32), layer.projection.strides
    (True, (2, 2))
    """

    def __init__(self, branch, activation=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        layers = branch if isinstance(branch, list | tuple) else ()
        if layers and all(isinstance(layer, keras.Layer) for layer in layers):
            branch = keras.Sequential(list(layers), name="branch")
        if not isinstance(branch, keras.Layer):
            raise argument_error("branch", "a layer, a model or a list of layers", branch)
        self.branch = branch
        self.activation = keras.activations.get(activation)
        self.data_format = standardize_data_format(data_format)
        self.projection = None
        self.supports_masking = True

    def build(self, input_shape):
        input_shape = tuple(input_shape)
        if not self.branch.built:
            self.branch.build(input_shape)
        probe = tuple(_PROBE if length is None else length for length in input_shape)
        output_shape = tuple(self.branch.compute_output_shape(probe))
        if output_shape != probe:
            self.projection = self._make_projection(probe, output_shape)
            self.projection.build(input_shape)

    def _make_projection(self, input_shape, output_shape):
        rank = len(input_shape) - 2
        if len(output_shape) == len(input_shape) and rank == 0:
            return keras.layers.Dense(
                output_shape[-1], use_bias=False, name="projection", dtype=self.dtype_policy
            )
        if len(output_shape) == len(input_shape) and rank <= 3:
            channels = 1 if self.data_format == "channels_first" else len(input_shape) - 1
            pairs = [
                (m, n)
                for axis, (m, n) in enumerate(zip(input_shape, output_shape, strict=True))
                if axis not in (0, channels)
            ]
            strides = tuple(max(1, -(-m // n)) for m, n in pairs)
            if all(-(-m // s) == n for (m, n), s in zip(pairs, strides, strict=True)):
                return (Conv1D, Conv2D, Conv3D)[rank - 1](
                    output_shape[channels],
                    1,
                    strides=strides,
                    use_bias=False,
                    data_format=self.data_format,
                    name="projection",
                    dtype=self.dtype_policy,
                )
        raise argument_error(
            "branch",
            f"such that a 1×1 convolution can map its input shape {input_shape[1:]} to its "
            "output shape",
            output_shape[1:],
        )

    def call(self, inputs, training=None):
        outputs = self.branch(inputs, training=training)
        shortcut = floating_inputs(self, inputs)
        if self.projection is not None:
            shortcut = self.projection(shortcut)
        total = keras.ops.cast(outputs, shortcut.dtype) + shortcut
        return self.activation(keras.ops.cast(total, self.compute_dtype))

    def compute_output_shape(self, input_shape):
        return self.branch.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, training=None):
        return super().compute_output_spec(real("inputs", inputs), training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "branch": keras.saving.serialize_keras_object(self.branch),
            "activation": keras.activations.serialize(self.activation),
            "data_format": self.data_format,
        }

    @classmethod
    def from_config(cls, config):
        branch = keras.saving.deserialize_keras_object(config["branch"])
        return cls(**{**config, "branch": branch})


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class DenseBlock(keras.layers.Layer):
    """A dense block: every layer sees the feature maps of all layers before it.

    x_l = H_l([x_0, x_1, …, x_{l−1}]), y = [x_0, …, x_L], where […] concatenates channels and H is
    batch normalization, ReLU and a 3×3 convolution to k channels; with a bottleneck, the same with
    a 1×1 convolution to 4k channels precedes it.

    Args:
        layer_count: int L, 1 to 1024.
        growth_rate: int k, 1 to 2²⁴, channels that each layer adds.
        bottleneck: whether a 1×1 convolution precedes each 3×3.
        dropout: fraction of the values dropped after each convolution, in [0, 1).
        epsilon: ε of the batch normalizations.
        momentum: their momentum.
        moving_statistic: their moving statistic, "std" or "variance".
        data_format: "channels_last", "channels_first" or None, Keras's default.

    Input shape:
        (batch, height, width, channels), or (batch, channels, height, width).

    Output shape:
        The same with channels + layer_count·growth_rate channels.

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Residual Connection" (better feature propagation); G. Huang et al., "Densely
        Connected Convolutional Networks", 2016.

    Example:

    >>> block = DenseBlock(6, growth_rate=32)
    >>> block(keras.ops.ones((1, 8, 8, 64))).shape == (1, 8, 8, 64 + 6 * 32)
    True
    """

    def __init__(
        self,
        layer_count,
        growth_rate,
        bottleneck=True,
        dropout=0.0,
        epsilon=1.001e-5,
        momentum=0.99,
        moving_statistic="std",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.layer_count = integer("layer_count", layer_count, 1, _MOST_LAYERS)
        self.growth_rate = integer("growth_rate", growth_rate, 1, LARGEST)
        self.bottleneck = bool(bottleneck)
        self.dropout = fraction("dropout", dropout)
        self.epsilon, self.momentum = epsilon, momentum
        self.moving_statistic = moving_statistic
        self.data_format = standardize_data_format(data_format)
        self._axis = -1 if self.data_format == "channels_last" else 1
        self.steps = [self._make_step(number) for number in range(1, self.layer_count + 1)]

    def _make_step(self, number: int) -> keras.Sequential:
        """H_l, as a stack of layers."""
        sizes = [(1, 4 * self.growth_rate)] if self.bottleneck else []
        layers = []
        for kernel_size, filters in [*sizes, (3, self.growth_rate)]:
            layers += [
                BatchNormalization(
                    axis=self._axis,
                    epsilon=self.epsilon,
                    momentum=self.momentum,
                    moving_statistic=self.moving_statistic,
                    dtype=self.dtype_policy,
                ),
                keras.layers.ReLU(dtype=self.dtype_policy),
                Conv2D(
                    filters,
                    kernel_size,
                    padding="same",
                    use_bias=False,
                    data_format=self.data_format,
                    dtype=self.dtype_policy,
                ),
            ]
            if self.dropout:
                layers.append(keras.layers.Dropout(self.dropout, dtype=self.dtype_policy))
        return keras.Sequential(layers, name=f"step_{number}")

    def build(self, input_shape):
        shape = list(input_shape)
        for step in self.steps:
            step.build(tuple(shape))
            shape[self._axis] += self.growth_rate

    def call(self, inputs, training=None):
        maps = keras.ops.cast(floating_inputs(self, inputs), self.compute_dtype)
        for step in self.steps:
            added = step(maps, training=training)
            maps = keras.ops.concatenate([maps, added], axis=self._axis)
        return maps

    def compute_output_spec(self, inputs, training=None):
        return super().compute_output_spec(real("inputs", inputs), training=training)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[self._axis] += self.layer_count * self.growth_rate
        return tuple(shape)

    def get_config(self):
        names = (
            "layer_count",
            "growth_rate",
            "bottleneck",
            "dropout",
            "epsilon",
            "momentum",
            "moving_statistic",
            "data_format",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
