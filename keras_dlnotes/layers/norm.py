"""Batch normalization: Keras's layer with the notes' moving deviation, by `ops.norm`."""

import math

import keras

from keras_dlnotes import ops
from keras_dlnotes.common.checks import argument_error, choice, is_integer, number
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.layers.types import floating_inputs
from keras_dlnotes.ops.dtypes import real
from keras_dlnotes.ops.norm import batch_normalization_path


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class BatchNormalization(KeepsSignature, keras.layers.BatchNormalization):
    """Normalizes each feature over the mini-batch, then scales and shifts it.

    Training: y = γ·(z − μ_b)/√(σ_b² + ε) + β, with the mean and deviation of the mini-batch;
    inference: the same with their moving averages μ_m and σ_m, of momentum m,

        μ_m ← m·μ_m + (1−m)·μ_b
        σ_m ← m·σ_m + (1−m)·σ_b        moving_statistic="std", the notes
        σ_m² ← m·σ_m² + (1−m)·σ_b²     moving_statistic="variance", Keras

    The layer is `keras.layers.BatchNormalization` with the same arguments, weights and config. It
    stores `moving_variance` = σ_m² in both cases, so weights carry over, and inference is one
    formula for both. The gradient is written by hand (see `ops.batch_normalize`), and a mean far
    from 0 costs no digits. The notes call γ and β the other way round, β and γ.

    Small batches bias both averages low, the notes' more: with batches of two from data with σ = 1,
    the moving deviation tends to 1/√π = 0.56 (`moving_variance` 0.32), by Keras's rule to √½ = 0.71
    (0.5); with batches of 32 to 0.98 in both cases. `training.recompute_statistics` sets the exact
    statistics of the whole training set, whatever the batches were. An empty batch leaves the
    averages as they are, where Keras's become NaN.

    Args:
        axis: int, the feature axis; may count from the end.
        momentum: m in [0, 1]: how much of the old average stays at each step.
        epsilon: ε ≥ 0, added to the variance.
        center: whether β is added.
        scale: whether γ multiplies.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer,
            beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as in Keras.
        renorm, renorm_clipping, renorm_momentum: batch renormalization, which Keras computes, with
            a moving deviation of its own.
        synchronized: whether statistics are taken over all replicas of a distributed step, with
            the framework's gradient (TensorFlow only).
        moving_statistic: "std" or "variance"; keyword only.

    Input shape:
        Any of rank ≥ 2 with a known length along `axis`. A mask of one rank less leaves positions
        out of the statistics.

    Output shape:
        The same; integers and booleans become the compute type.

    Raises:
        ValueError: for an argument out of range, at construction; for an axis that the inputs lack
            or a mask of another shape, when the layer is called.

    Reference:
        Lecture notes, "Batch Normalization".

    Example:

    >>> layer = BatchNormalization(momentum=0.5)
    >>> z = keras.ops.convert_to_tensor([[0.0], [6.0]])  # μ_b = 3, σ_b = 3
    >>> outputs = layer(z, training=True)
    >>> keras.ops.convert_to_numpy(layer.moving_mean).tolist()
    [1.5]
    >>> keras.ops.convert_to_numpy(layer.moving_std).tolist()  # ½·1 + ½·3
    [2.0]
    """

    def __init__(self, *args, moving_statistic="std", **kwargs):
        arguments = self.bind(args, kwargs)
        choice("moving_statistic", moving_statistic, ("std", "variance"))
        if not is_integer(arguments["axis"]):
            raise argument_error("axis", "an integer", arguments["axis"])
        number("momentum", arguments["momentum"], 0, 1)
        number("epsilon", arguments["epsilon"], minimum=0)
        super().__init__(*args, **kwargs)
        self.moving_statistic = moving_statistic

    def build(self, input_shape):
        rank = len(input_shape)
        if rank < 2:
            raise argument_error("inputs", "of rank ≥ 2", tuple(input_shape))
        if not -rank <= self.axis < rank:
            raise argument_error("axis", f"an integer in [-{rank}, {rank})", self.axis)
        if input_shape[self.axis] is None:
            raise argument_error("inputs", f"of known length along axis {self.axis}", input_shape)
        super().build(input_shape)

    @property
    def moving_std(self):
        """σ_m, the root of the weight `moving_variance`."""
        return keras.ops.sqrt(self.moving_variance)

    def explain_path(self, input_shape) -> str:
        """Says which computation normalizes a training batch of this shape, and why.

        Args:
            input_shape: the inputs' lengths, None where one is open.

        Example:

        >>> print(BatchNormalization(renorm=True).explain_path((32, 8)))
        Keras's layer: batch renormalization is Keras's
        """
        if self._is_renormalized:
            return "Keras's layer: batch renormalization is Keras's"
        if self.synchronized:
            return "the framework's gradient: statistics are taken over all replicas"
        return ": ".join(batch_normalization_path(tuple(input_shape), self.axis))

    @property
    def _is_renormalized(self) -> bool:
        return getattr(self, "renorm", False)  # older versions of Keras have no `renorm`

    def call(self, inputs, training=None, mask=None):
        inputs = floating_inputs(self, inputs)
        if self._is_renormalized or not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        if self.synchronized and mask is None:
            outputs, mean, variance = self._synchronized(inputs)
        else:
            outputs, mean, variance = ops.batch_normalize(
                inputs, self.gamma, self.beta, self.axis, self.epsilon, mask
            )
        self._update(mean, variance, math.prod(keras.ops.shape(inputs)))
        return keras.ops.cast(outputs, self.compute_dtype)

    def compute_output_spec(self, inputs, training=None, mask=None):
        shape = self.compute_output_shape(real("inputs", inputs).shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def _synchronized(self, inputs):
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        inputs = keras.ops.cast(inputs, dtype)
        axes = [axis for axis in range(len(inputs.shape)) if axis != self.axis % len(inputs.shape)]
        # Keras computes the variance as E[x²] − E[x]², which is accurate only for inputs near 0
        centre, _ = keras.ops.moments(inputs, axes, keepdims=True, synchronized=True)
        centre = keras.ops.stop_gradient(centre)
        inputs = inputs - centre
        mean, variance = keras.ops.moments(inputs, axes, synchronized=True)
        scale, offset = (
            None if weight is None else keras.ops.cast(weight, dtype)
            for weight in (self.gamma, self.beta)
        )
        outputs = keras.ops.batch_normalization(
            inputs, mean, variance, self.axis, offset=offset, scale=scale, epsilon=self.epsilon
        )
        return outputs, mean + keras.ops.squeeze(centre, axes), variance

    def _update(self, mean, variance, size):
        """Updates the moving statistics by those of a batch of this many numbers."""

        def average(old, new):
            changed = old * self.momentum + new * (1.0 - self.momentum)
            if isinstance(size, int):
                return changed if size else old  # an empty batch has no statistics
            return keras.ops.where(size > 0, changed, old)

        moving_mean = keras.ops.cast(self.moving_mean, mean.dtype)
        moving_variance = keras.ops.cast(self.moving_variance, mean.dtype)
        self.moving_mean.assign(average(moving_mean, mean))
        if self.moving_statistic == "variance":
            self.moving_variance.assign(average(moving_variance, variance))
        else:
            moving_std = average(keras.ops.sqrt(moving_variance), keras.ops.sqrt(variance))
            self.moving_variance.assign(keras.ops.square(moving_std))

    def get_config(self):
        return {**super().get_config(), "moving_statistic": self.moving_statistic}
