"""The contract table: every layer of the package, in the forms that its users meet.

A case is a layer with arguments and the shape of one input without the batch; `twin` are the
arguments with which its Keras twin does the same, None where Keras cannot. A layer that takes
values with their positions also has `positions`: how many there are to choose from. An argument may
be a layer, written as a case. A cell is called through a layer that loops: see `runnable`.
"""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_dlnotes import layers
from keras_dlnotes.layers.signature import keras_twin

SAME = object()


class Case(NamedTuple):
    """One row of the table."""

    name: str
    arguments: dict[str, Any]
    input_shape: tuple[int, ...]
    twin: dict[str, Any] | object | None = SAME
    positions: int | None = None

    def layer(self, **more) -> keras.Layer:
        arguments = {name: _fresh(value, more) for name, value in self.arguments.items()}
        return getattr(layers, self.name)(**arguments, **more)

    def twin_layer(self, **more) -> keras.Layer | None:
        if self.twin is None:
            return None
        arguments = {
            name: value.twin_layer(**more) if isinstance(value, Case) else value
            for name, value in (self.arguments if self.twin is SAME else self.twin).items()
        }
        return keras_twin(getattr(layers, self.name))(**arguments, **more)

    def runnable(self, layer, **more) -> keras.Layer:
        """The layer itself or, for a cell, one that runs it over the input."""
        if not self.name.endswith("Cell"):
            return layer
        return keras.layers.RNN(layer, return_sequences=True, **more)

    def inputs(self, batch: int = 3):
        """Random inputs: an array, or a pair of an array and distinct positions."""
        generator = np.random.default_rng(0)
        values = generator.normal(size=(batch, *self.input_shape)).astype("float32")
        if self.positions is None:
            return values
        *lengths, channels = self.input_shape
        count = int(np.prod(lengths))
        chosen = [
            generator.choice(self.positions, count, replace=False) for _ in range(batch * channels)
        ]
        positions = np.reshape(chosen, (batch, channels, *lengths))
        return [values, np.moveaxis(positions, 1, -1).astype("int32")]

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={_shown(value)}" for name, value in self.arguments.items())
        return f"{self.name}({arguments})"


def _shown(value) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _fresh(value, more):
    """The argument, with new layers in it: no two layers of the table share one."""
    if isinstance(value, list):
        return [_fresh(entry, {key: more[key] for key in more if key != "name"}) for entry in value]
    return value.layer(**more) if isinstance(value, Case) else value


def _lengths(rank):
    return (7, 6, 5)[:rank]


def _convolutions():
    for rank in (1, 2, 3):
        name, shape = f"Conv{rank}D", (*_lengths(rank), 4)
        size = (3, 2, 2)[:rank]
        plain = {"filters": 6, "kernel_size": size}
        yield Case(name, {**plain, "strides": 2, "padding": "same", "activation": "relu"}, shape)
        yield Case(name, {**plain, "dilation_rate": 2, "use_bias": False}, shape)
        around = tuple((1, n) for n in range(rank))
        explicit = {**plain, "padding": around, "strides": 2, "dilation_rate": 2, "groups": 2}
        yield Case(name, explicit, shape, twin=None)
        for mode in ("reflect", "replicate", "circular"):
            yield Case(name, {**plain, "padding": around, "padding_mode": mode}, shape, twin=None)
    yield Case("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal"}, (7, 4))
    reflected = {"filters": 3, "kernel_size": 3, "padding": "same", "padding_mode": "reflect"}
    first = {"data_format": "channels_first", "use_bias": False}
    yield Case("Conv2D", {**reflected, **first}, (4, 7, 6), twin=None)
    yield Case(
        "Conv2D",
        {"filters": 3, "kernel_size": 3, "padding": 0},
        (7, 6, 4),
        {"filters": 3, "kernel_size": 3},
    )
    channels_first = {"filters": 3, "kernel_size": 3, "data_format": "channels_first", "padding": 1}
    yield Case("Conv2D", channels_first, (4, 7, 6), twin=None)


def _transposed_convolutions():
    for rank in (1, 2, 3):
        name, shape = f"Conv{rank}DTranspose", (*(4, 3, 2)[:rank], 4)
        plain = {"filters": 3, "kernel_size": (3, 2, 2)[:rank]}
        yield Case(name, {**plain, "strides": 2, "activation": "tanh"}, shape)
        yield Case(name, {**plain, "strides": 2, "padding": "same"}, shape)
        cropped = {"strides": 2, "padding": ((1, 0),) * rank, "output_padding": 1}
        yield Case(name, {**plain, **cropped, "dilation_rate": 2}, shape, twin=None)
        grouped = {**plain, "filters": 6, "strides": 2, "groups": 2}
        yield Case(name, {**grouped, "padding": 1}, shape, twin=None)
    plain = {"filters": 3, "kernel_size": 3, "padding": "same"}
    yield Case("Conv2DTranspose", {**plain, "strides": 2, "output_padding": 0}, (4, 3, 4))
    yield Case("Conv2DTranspose", {**plain, "dilation_rate": 2, "use_bias": False}, (4, 3, 4))
    gaps = {"filters": 3, "kernel_size": 2, "strides": 3}  # Keras leaves zeros behind each window
    yield Case("Conv2DTranspose", gaps, (4, 3, 4))
    first = {"filters": 3, "kernel_size": 3, "padding": 1, "data_format": "channels_first"}
    yield Case("Conv2DTranspose", first, (4, 4, 3), twin=None)
    each = {"filters": 4, "kernel_size": 3, "groups": 4, "use_bias": False}
    yield Case("Conv2DTranspose", each, (4, 3, 4), twin=None)


def _depthwise_convolutions():
    for rank in (1, 2):
        shape = (*_lengths(rank), 4)
        for kind, filters in (("Depthwise", {}), ("Separable", {"filters": 5})):
            name = f"{kind}Conv{rank}D"
            plain = {**filters, "kernel_size": (3, 2)[:rank], "depth_multiplier": 2}
            yield Case(name, {**plain, "strides": 2, "padding": "same"}, shape)
            yield Case(name, {**plain, "dilation_rate": 2, "activation": "relu"}, shape)
            around = tuple((1, n) for n in range(rank))
            explicit = {"padding": around, "strides": 2, "dilation_rate": 2, "use_bias": False}
            yield Case(name, {**plain, **explicit}, shape, twin=None)
            circular = {**plain, "padding": 1, "padding_mode": "circular"}
            yield Case(name, circular, shape, twin=None)
    first = {"kernel_size": 3, "padding": 1, "data_format": "channels_first"}
    yield Case("DepthwiseConv2D", first, (4, 7, 6), twin=None)
    yield Case("SeparableConv2D", {**first, "filters": 3}, (4, 7, 6), twin=None)
    unequal = {"kernel_size": 3, "strides": (2, 1)}
    yield Case("DepthwiseConv2D", unequal, (7, 6, 4), twin=None)


def _spatially_separable_convolutions():
    name, shape = "SpatiallySeparableConv2D", (7, 6, 4)
    yield Case(name, {"filters": 3, "kernel_size": 3}, shape, twin=None)
    same = {"filters": 3, "kernel_size": (3, 2), "strides": (2, 1), "padding": "same"}
    yield Case(name, {**same, "activation": "relu"}, shape, twin=None)
    explicit = {"padding": ((1, 1), (0, 2)), "dilation_rate": 2, "kernel_regularizer": "l2"}
    yield Case(name, {"filters": 3, "kernel_size": 3, **explicit}, shape, twin=None)
    first = {"padding": 1, "data_format": "channels_first", "use_bias": False}
    yield Case(name, {"filters": 3, "kernel_size": 3, **first}, (4, 7, 6), twin=None)
    repeated = {"filters": 3, "kernel_size": 3, "padding": 1, "padding_mode": "replicate"}
    yield Case(name, repeated, shape, twin=None)


def _poolings():
    for kind in ("Max", "Average"):
        for rank in (1, 2, 3):
            name, shape = f"{kind}Pooling{rank}D", (*_lengths(rank), 4)
            yield Case(name, {"pool_size": 2}, shape)
            yield Case(name, {"pool_size": 3, "strides": 2, "padding": "same"}, shape)
            around = tuple((1, n) for n in range(rank))
            yield Case(name, {"pool_size": 3, "strides": 1, "padding": around}, shape, twin=None)
        first = {"pool_size": 2, "data_format": "channels_first"}
        yield Case(f"{kind}Pooling2D", first, (4, 7, 6))
        up = {"pool_size": 3, "strides": 2, "padding": ((1, 0),), "ceil_mode": True}
        yield Case(f"{kind}Pooling1D", up, (7, 4), twin=None)
        up = {"pool_size": (2, 3), "strides": (3, 2), "ceil_mode": True}
        up["padding"] = ((1, 1), (0, 0))
        yield Case(f"{kind}Pooling2D", up, (7, 6, 4), twin=None)
        yield Case(f"{kind}Pooling3D", {"pool_size": 2, "ceil_mode": True}, (7, 6, 5, 4), twin=None)
    indices = {"pool_size": 3, "strides": 2, "padding": 1, "return_indices": True}
    yield Case("MaxPooling2D", indices, (7, 6, 4), twin=None)
    yield Case("MaxPooling1D", {"pool_size": 2, "return_indices": True}, (7, 4), twin=None)
    yield Case("MaxUnpooling2D", {"pool_size": 2}, (3, 2, 4), twin=None, positions=24)
    shorter = {"pool_size": 3, "strides": 2, "padding": ((1, 1), (0, 0))}
    yield Case("MaxUnpooling2D", shorter, (3, 2, 4), twin=None, positions=25)
    including = {"pool_size": 3, "padding": 1, "count_include_pad": True}
    yield Case("AveragePooling2D", including, (7, 6, 4), twin=None)
    yield Case("AveragePooling2D", {**including, "ceil_mode": True}, (7, 6, 4), twin=None)


def _normalizations():
    shape = (7, 6, 4)
    yield Case("BatchNormalization", {}, shape)
    yield Case("BatchNormalization", {"moving_statistic": "variance"}, shape, twin={})
    yield Case("BatchNormalization", {"axis": 3, "momentum": 0.9, "epsilon": 1e-5}, shape)
    yield Case("BatchNormalization", {"center": False, "scale": False}, (5, 4))


def _recurrences():
    shape = (6, 4)
    for name in ("SimpleRNN", "LSTM", "GRU"):
        # Keras's other default, where there is one
        more = {"reset_after": True} if name == "GRU" else {}
        yield Case(f"{name}Cell", {"units": 3, "use_bias": name != "GRU", **more}, shape)
        sequences = {"units": 3, "return_sequences": True, "use_bias": name != "LSTM", **more}
        yield Case(name, sequences, shape)
        yield Case(name, {"units": 3, "go_backwards": True, "activation": "relu", **more}, shape)
        yield Case(name, {"units": 3, "truncate": 2}, shape, twin=None)
    before = {"units": 3, "reset_after": False}
    yield Case("GRUCell", {"units": 3}, shape, twin=before)
    yield Case("GRU", {"units": 3}, shape, twin=before)
    variant = {"units": 3, "forget_gate": "coupled", "output_gate": "delayed"}
    yield Case("LSTMCell", variant, shape, twin=None)
    yield Case("LSTM", {**variant, "return_sequences": True}, shape, twin=None)
    yield Case("LSTM", {"units": 3, "forget_gate": "coupled"}, shape, twin=None)
    for name, mode in (("SimpleRNN", "sum"), ("LSTM", "concat"), ("GRU", "ave")):
        arguments = {"units": 3, "return_sequences": mode != "ave"}
        twin = {**arguments, "reset_after": False} if name == "GRU" else SAME
        inner = Case(name, arguments, shape, twin)
        yield Case("Bidirectional", {"layer": inner, "merge_mode": mode}, shape)
    inner = Case("LSTM", variant, shape)
    yield Case("Bidirectional", {"layer": inner, "merge_mode": "mul"}, shape, twin=None)


def _blocks():
    convolution = {"filters": 6, "kernel_size": 3, "strides": 2, "padding": 1}
    branch = [Case("Conv2D", convolution, (7, 6, 4)), Case("BatchNormalization", {}, (4, 3, 6))]
    yield Case("Residual", {"branch": branch, "activation": "relu"}, (7, 6, 4), twin=None)
    yield Case("Residual", {"branch": Case("Dense", {"units": 4}, (4,))}, (4,), twin=None)
    yield Case("DenseBlock", {"layer_count": 2, "growth_rate": 3}, (5, 4, 2), twin=None)
    plain = {"layer_count": 1, "growth_rate": 2, "bottleneck": False}
    yield Case("DenseBlock", plain, (5, 4, 2), twin=None)


CASES = [
    *_convolutions(),
    *_transposed_convolutions(),
    *_depthwise_convolutions(),
    *_spatially_separable_convolutions(),
    *_poolings(),
    *_normalizations(),
    *_recurrences(),
    *_blocks(),
]
