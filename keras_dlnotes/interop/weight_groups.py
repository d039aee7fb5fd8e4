"""The names and the layouts in PyTorch of each Keras layer's weights."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from keras_dlnotes import layers
from keras_dlnotes.interop.attention import attention_mappings
from keras_dlnotes.interop.layout import Unknown
from keras_dlnotes.interop.layout_tracing import Layouts
from keras_dlnotes.interop.recurrent import recurrent_mappings
from keras_dlnotes.interop.rules import find_rule, mappings_of_rule
from keras_dlnotes.interop.weight_mapping import (
    WeightMapping,
    single,
    to_keras_order,
    to_torch_order,
    transposed,
    vector,
)

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)
RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)


@dataclass(frozen=True, eq=False)
class WeightGroup:
    """The weights of one module in PyTorch: those of a Keras layer, or of one of its steps.

    `labels` are the names that the user gave the layer; `unknown` is the reason why the layout of
    its features is not known: of its inputs where `of_inputs`, else of its outputs.
    """

    path: str
    layer: keras.Layer
    number: int
    mappings: tuple[WeightMapping, ...]
    labels: tuple[str, ...] = ()
    unknown: Unknown | None = None
    of_inputs: bool = True

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: shape for mapping in self.mappings for name, shape in mapping.shapes.items()}

    @property
    def is_recurrent(self) -> bool:
        return isinstance(self.layer, RECURRENT)

    def precedes(self, other: "WeightGroup", layouts: Layouts) -> bool:
        if self.layer is other.layer:
            return self.number < other.number
        return layouts.precedes(self.layer, other.layer)


def is_permuted(layer: keras.Layer, outputs: bool) -> bool:
    """Returns whether weights can be permuted for the layer's inputs, or its outputs."""
    kinds = (keras.layers.Dense,) if outputs else (keras.layers.Dense, *_NORMALIZATIONS, *RECURRENT)
    return find_rule(layer) is None and isinstance(layer, kinds)


def has_rule(layer: keras.Layer) -> bool:
    return find_rule(layer) is not None or any(isinstance(layer, kinds) for kinds, _ in _RULES)


def groups_of_layer(layer: keras.Layer, path: str, labels, layouts: Layouts) -> list[WeightGroup]:
    """Returns the groups of a built layer that has a rule, first to last."""
    if getattr(layer, "quantization_mode", None):
        raise ValueError(f"Layer {path} is quantized, and PyTorch has no such weights.")
    rows, columns = layouts.input_permutation(layer), layouts.output_permutation(layer)
    unknown = next((order for order in (rows, columns) if isinstance(order, Unknown)), None)
    if (own := find_rule(layer)) is not None:
        mappings = [mappings_of_rule(own, layer, path)]
    else:
        rule = next(rule for kinds, rule in _RULES if isinstance(layer, kinds))
        mappings = rule(layer, path, rows, columns)
    entries = [tuple(entry for entry in group if entry) for group in mappings]
    kept = [entry for entry in entries if entry]
    unknown = unknown or layouts.unknown_constant(
        variable for entry in kept for f in entry for variable in f.variables
    )
    several = len(kept) > 1
    return [
        WeightGroup(
            path,
            layer,
            number,
            entry,
            tuple(f"{label}.{number}" for label in labels) if several else tuple(labels),
            unknown,
            not isinstance(columns, Unknown) or isinstance(rows, Unknown),
        )
        for number, entry in enumerate(kept)
    ]


def _convolution(layer, path, rows, columns):
    return [[_kernel(layer.kernel), vector("bias", layer.bias)]]


def _depthwise_convolution(layer, path, rows, columns):
    return [[_depthwise_kernel(layer.kernel), vector("bias", layer.bias)]]


def _separable_convolution(layer, path, rows, columns):
    return [
        [_depthwise_kernel(layer.depthwise_kernel)],
        [_kernel(layer.pointwise_kernel), vector("bias", layer.bias)],
    ]


def _spatially_separable_convolution(layer, path, rows, columns):
    return [
        [_kernel(layer.column_kernel)],
        [_kernel(layer.row_kernel), vector("bias", layer.bias)],
    ]


def _embedding(layer, path, rows, columns):
    return [[vector("weight", layer.embeddings)]]


def _linear(layer, path, rows, columns):
    kernel = layer.kernel
    weight = single(
        "weight",
        kernel,
        kernel.shape[::-1],
        lambda value: to_torch_order(to_torch_order(value, rows, 0), columns, 1).T,
        lambda tensor: to_keras_order(to_keras_order(tensor.T, rows, 0), columns, 1),
    )
    return [[weight, vector("bias", layer.bias, columns)]]


def _features(layer, path, rows, columns):
    """A normalization's vectors, one number a feature."""
    if any(len(variable.shape) > 1 for variable in layer.weights):
        raise ValueError(
            f"Layer {path} normalizes over several axes, whose order differs in PyTorch."
        )
    names = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    return [[vector(name, getattr(layer, own, None), rows) for name, own in names.items()]]


def _root_mean_square(layer, path, rows, columns):
    return [[vector("weight", layer.scale, rows)]]


def _slopes(layer, path, rows, columns):
    """PReLU: PyTorch has one slope a channel, or one for all."""
    alpha = layer.alpha
    shape = tuple(alpha.shape)
    count = shape[-1] if len(shape) == 1 else max(shape)
    channels = 0 if keras.config.image_data_format() == "channels_first" else len(shape) - 1
    if any(size != 1 for axis, size in enumerate(shape) if axis != channels):
        raise ValueError(
            f"Layer {path} has a slope for each position, {shape}, and PyTorch's PReLU has one for "
            "each channel. Build the layer with shared_axes, such as [1, 2] for images."
        )
    return [
        [
            single(
                "weight",
                alpha,
                (count,),
                lambda value: to_torch_order(value.reshape(count), rows, 0),
                lambda tensor: to_keras_order(tensor, rows, 0).reshape(shape),
            )
        ]
    ]


def _recurrent(layer, path, rows, columns):
    return [recurrent_mappings(layer, path, rows)]


def _attention(layer, path, rows, columns):
    return [attention_mappings(layer, path)]


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

    return single("weight", variable, (channels * count, 1, *taps), to_torch, to_keras)


_RULES: tuple[tuple[tuple[type, ...], Callable], ...] = (
    # a separable or depthwise layer may be a convolution's subclass: they come first
    (_SEPARABLE, _separable_convolution),
    (_DEPTHWISE, _depthwise_convolution),
    ((layers.SpatiallySeparableConv2D,), _spatially_separable_convolution),
    (_CONVOLUTIONS, _convolution),
    ((keras.layers.Dense,), _linear),
    ((keras.layers.Embedding,), _embedding),
    (_NORMALIZATIONS, _features),
    ((keras.layers.RMSNormalization,), _root_mean_square),
    ((keras.layers.PReLU,), _slopes),
    ((keras.layers.MultiHeadAttention,), _attention),
    (RECURRENT, _recurrent),
)
