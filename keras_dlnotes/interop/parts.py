"""What each Keras layer's weights are called, and how they lie, in PyTorch."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from keras_dlnotes import layers
from keras_dlnotes.interop.recurrent import recurrent_fields
from keras_dlnotes.interop.tensors import Field, transposed

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)


@dataclass(frozen=True, eq=False)
class Part:
    """What is one module in PyTorch: a Keras layer, or one of the steps that it takes."""

    path: str
    fields: tuple[Field, ...]
    is_recurrent: bool = False

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: field.shape for field in self.fields for name in field.names}


def parts_of_layer(layer: keras.Layer, path: str, flattened, unflattened) -> list[Part] | None:
    """Returns the layer's parts, first to last; None for a layer whose weights are not its own.

    Args:
        layer: built.
        path: what errors call it.
        flattened: shape of the channels-last maps that its input features were, or None.
        unflattened: shape of the channels-last maps that its output features become, or None.
    """
    if getattr(layer, "quantization_mode", None):
        raise ValueError(f"Layer {path} is quantized, and PyTorch has no such weights.")
    for classes, rule in _RULES:
        if isinstance(layer, classes):
            if rule is _features:
                if any(len(variable.shape) > 1 for variable in layer.weights):
                    raise ValueError(
                        f"Layer {path} normalizes over several axes, which lie in another order in "
                        "PyTorch."
                    )
                fields = [_features(layer, flattened)]
            elif rule is _linear:
                fields = [_linear(layer, flattened, unflattened)]
            else:
                fields = rule(layer, path)
            return [
                Part(path, tuple(entry for entry in entries if entry), classes == RECURRENT)
                for entries in fields
            ]
    return None


def _convolution(layer, path):
    return [[_kernel(layer.kernel), _vector("bias", layer.bias)]]


def _depthwise_convolution(layer, path):
    return [[_depthwise_kernel(layer.kernel), _vector("bias", layer.bias)]]


def _separable_convolution(layer, path):
    return [
        [_depthwise_kernel(layer.depthwise_kernel)],
        [_kernel(layer.pointwise_kernel), _vector("bias", layer.bias)],
    ]


def _spatially_separable_convolution(layer, path):
    return [
        [_kernel(layer.column_kernel)],
        [_kernel(layer.row_kernel), _vector("bias", layer.bias)],
    ]


def _embedding(layer, path):
    return [[_vector("weight", layer.embeddings)]]


def _linear(layer, flattened, unflattened):
    rows, columns = _channels_first(flattened), _channels_first(unflattened)

    def to_torch(kernel):
        return _taken(_taken(kernel, rows, 0), columns, 1).T

    def to_keras(weight):
        return _put_back(_put_back(weight.T, rows, 0), columns, 1)

    kernel = layer.kernel
    weight = Field(("weight",), kernel, tuple(kernel.shape[::-1]), to_torch, to_keras)
    return [weight, _vector("bias", layer.bias, columns)]


def _features(layer, flattened):
    """A normalization's vectors, one number a feature."""
    order = _channels_first(flattened)
    names = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    return [_vector(name, getattr(layer, own, None), order) for name, own in names.items()]


def _kernel(variable):
    """(…, in, out) ↔ (out, in, …); a transposed convolution's (…, out, in) ↔ (in, out, …)."""
    rank = len(variable.shape) - 2
    return transposed("weight", variable, (rank + 1, rank, *range(rank)))


def _depthwise_kernel(variable):
    """(…, channels, n) ↔ (channels·n, 1, …), a channel's n filters side by side in both."""
    *taps, channels, count = variable.shape
    rank = len(taps)

    def to_torch(kernel):
        kernel = kernel.transpose(rank, rank + 1, *range(rank))
        return kernel.reshape(channels * count, 1, *taps)

    def to_keras(weight):
        weight = weight.reshape(channels, count, *taps)
        return weight.transpose(*range(2, rank + 2), 0, 1)

    return Field(("weight",), variable, (channels * count, 1, *taps), to_torch, to_keras)


def _vector(name, variable, order=None):
    if variable is None:
        return None
    return Field(
        (name,),
        variable,
        tuple(variable.shape),
        lambda values: _taken(values, order, 0),
        lambda values: _put_back(values, order, 0),
    )


def _channels_first(shape) -> np.ndarray | None:
    """Where the features of flattened channels-first maps lie in flattened channels-last ones."""
    if shape is None:
        return None
    order = np.arange(math.prod(shape)).reshape(shape)
    return np.moveaxis(order, -1, 0).reshape(-1)


def _taken(values, order, axis):
    return values if order is None else np.take(values, order, axis)


def _put_back(values, order, axis):
    return values if order is None else np.take(values, np.argsort(order), axis)


_RULES: tuple[tuple[tuple[type, ...], Callable], ...] = (
    # a separable or depthwise layer may be a convolution's subclass: they come first
    (SEPARABLE, _separable_convolution),
    (DEPTHWISE, _depthwise_convolution),
    ((layers.SpatiallySeparableConv2D,), _spatially_separable_convolution),
    ((*CONVOLUTIONS, *TRANSPOSED), _convolution),
    ((keras.layers.Dense,), _linear),
    ((keras.layers.Embedding,), _embedding),
    (
        (
            keras.layers.BatchNormalization,
            keras.layers.LayerNormalization,
            keras.layers.GroupNormalization,
        ),
        _features,
    ),
    (RECURRENT, lambda layer, path: [recurrent_fields(layer, path)]),
)
