"""Pooling layers: Keras's own, with explicit padding and the gradients of `ops.pool`."""

import keras

from keras_dlnotes import ops
from keras_dlnotes.common.checks import flag
from keras_dlnotes.layers.documentation import for_rank
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.layers.types import floating_inputs
from keras_dlnotes.ops.dtypes import is_floating, real
from keras_dlnotes.ops.pool import pool_window
from keras_dlnotes.ops.windows import output_shape

_GEOMETRY = ("pool_size", "strides", "padding", "data_format")


class _Pooling(KeepsSignature):
    """What all ranks and both kinds share: the geometry."""

    rank: int

    def __init__(self, *args, ceil_mode=False, **kwargs):
        arguments = self.bind(args, kwargs)
        geometry = (arguments[name] for name in _GEOMETRY)
        window = pool_window(*geometry, self.rank, ceil_mode)
        super().__init__(**arguments)
        self.ceil_mode = window.ceil
        if not isinstance(self.padding, int):
            self.padding = window.padding
        self._window = window

    def compute_output_shape(self, input_shape):
        return output_shape(input_shape, self._window, "pool_size")

    def _geometry(self) -> dict:
        return {name: getattr(self, name) for name in (*_GEOMETRY, "ceil_mode")}

    def get_config(self):
        return {**super().get_config(), "ceil_mode": self.ceil_mode}


class _MaxPooling(_Pooling):
    compute_dtype: str

    def __init__(self, *args, return_indices=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.return_indices = flag("return_indices", return_indices)

    def call(self, inputs, training=None):
        outputs = ops.max_pool(
            inputs,
            **self._geometry(),
            return_indices=self.return_indices,
            training=training is not False,
        )
        values, *indices = outputs if self.return_indices else (outputs,)
        values = keras.ops.cast(values, self._values_dtype(values))
        return (values, *indices) if indices else values

    def _values_dtype(self, values) -> str:
        """Whole numbers keep their type, since a maximum is one of them."""
        dtype = keras.backend.standardize_dtype(values.dtype)
        return self.compute_dtype if is_floating(dtype) else dtype

    def compute_output_shape(self, input_shape):
        shape = super().compute_output_shape(input_shape)
        return (shape, shape) if self.return_indices else shape

    def compute_output_spec(self, inputs, training=None):
        shape = super().compute_output_shape(inputs.shape)
        dtype = self._values_dtype(real("inputs", inputs))
        values = keras.KerasTensor(shape, dtype=dtype)
        if not self.return_indices:
            return values
        return values, keras.KerasTensor(shape, dtype="int32")

    def get_config(self):
        return {**super().get_config(), "return_indices": self.return_indices}


class _AveragePooling(_Pooling):
    def __init__(self, *args, count_include_pad=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.count_include_pad = flag("count_include_pad", count_include_pad)

    def call(self, inputs, training=None):
        outputs = ops.average_pool(
            floating_inputs(self, inputs),
            **self._geometry(),
            count_include_pad=self.count_include_pad,
            training=training is not False,
        )
        return keras.ops.cast(outputs, self.compute_dtype)

    def compute_output_spec(self, inputs, training=None):
        shape = self.compute_output_shape(real("inputs", inputs).shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "count_include_pad": self.count_include_pad}


_MAXIMUM = """{rank}-D max pooling with explicit padding.

    y(i) = max_u x(i·s + u − p),  0 ≤ u < k along each axis; m_f = ⌊(m + 2p − k)/s⌋ + 1.
    ∂E/∂x is the upstream gradient where x was the window's maximum, 0 elsewhere: on ties the first
    in row-major order gets it, and overlapping windows add up.

    The layer is `keras.layers.MaxPooling{rank}D` with the same arguments and config; beyond it,
    `padding` may be explicit, as in PyTorch. The padding is −∞ and never wins; NaN gives NaN.
"""
_AVERAGE = """{rank}-D average pooling with explicit padding.

    y(i) = (1/n) Σ_u x(i·s + u − p),  0 ≤ u < k along each axis; m_f = ⌊(m + 2p − k)/s⌋ + 1.
    n counts the positions of the window outside the padding or, with `count_include_pad`, all.

    The layer is `keras.layers.AveragePooling{rank}D` with the same arguments and config; beyond it,
    `padding` may be explicit, as in PyTorch.
"""
_REST = """
    Args:
        pool_size: int k ≥ 1, or {rank} of them.
        strides: int s ≥ 1, or {rank} of them; None takes `pool_size`.
        padding: "valid", "same" (Keras's words), int p ≥ 0 on every side, or for each axis an int
            or a (before, after) pair; less than `pool_size`.
        data_format: "channels_last", "channels_first" or None, Keras's default.{argument}
        ceil_mode: whether m_f is rounded up, not down, by a last window that reaches past the
            padded end; it must start in the image or before it. What it sees there {behind}.
            Keyword only, as in PyTorch.

    Input shape:
        (batch, {lengths}, channels), or (batch, channels, {lengths}).

    Output shape:
        The same layout with each spatial length m replaced by m_f.{output} {type}

    Raises:
        ValueError: for an argument out of range, at construction; for a window longer than the
            padded input, when the layer is called.

    Reference:
        Lecture notes, "Pooling", "Backpropagation through Max Pooling".

    Example:

    >>> layer = {kind}Pooling{rank}D(3, strides=2, padding=1)
    >>> layer(keras.ops.ones((2, {eights}, 3))).shape == (2, {fours}, 3)
    True
    """
_RETURN_INDICES = """
        return_indices: whether to return the position of each maximum, too; keyword only."""
_COUNT_INCLUDE_PAD = """
        count_include_pad: whether the padding's zeros count as positions; keyword only."""
_TWO_OUTPUTS = """ With `return_indices`, a
        tuple of it and of int32 positions of the same shape, counted along the rows (row·width +
        column) in each channel, as in PyTorch."""


def _documentation(kind: str, rank: int) -> str:
    if kind == "Max":
        template, argument, output, behind = _MAXIMUM, _RETURN_INDICES, _TWO_OUTPUTS, "never wins"
        of_type = "Integers\n        and booleans keep their type."
    else:
        template, argument, output, behind = _AVERAGE, _COUNT_INCLUDE_PAD, "", "is never counted"
        of_type = "Integers\n        become the compute type."
    texts = {"argument": argument, "output": output, "type": of_type, "behind": behind}
    return for_rank(template + _REST, rank, kind=kind, **texts)


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class MaxPooling1D(_MaxPooling, keras.layers.MaxPooling1D):
    __doc__ = _documentation("Max", 1)
    rank = 1


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class MaxPooling2D(_MaxPooling, keras.layers.MaxPooling2D):
    __doc__ = _documentation("Max", 2)
    rank = 2


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class MaxPooling3D(_MaxPooling, keras.layers.MaxPooling3D):
    __doc__ = _documentation("Max", 3)
    rank = 3


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class AveragePooling1D(_AveragePooling, keras.layers.AveragePooling1D):
    __doc__ = _documentation("Average", 1)
    rank = 1


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class AveragePooling2D(_AveragePooling, keras.layers.AveragePooling2D):
    __doc__ = _documentation("Average", 2)
    rank = 2


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class AveragePooling3D(_AveragePooling, keras.layers.AveragePooling3D):
    __doc__ = _documentation("Average", 3)
    rank = 3
