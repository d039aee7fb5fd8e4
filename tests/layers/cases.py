"""The contract table: every layer of the package, in the forms that its users meet.

A case is a layer with arguments and the shape of one input without the batch; `twin` are the
arguments with which its Keras twin does the same thing, None where Keras cannot.
"""

from typing import Any, NamedTuple

import keras

from keras_dlnotes import layers
from keras_dlnotes.layers.signature import keras_twin

SAME = object()


class Case(NamedTuple):
    """One row of the table."""

    name: str
    arguments: dict[str, Any]
    input_shape: tuple[int, ...]
    twin: dict[str, Any] | object | None = SAME

    def layer(self, **more) -> keras.Layer:
        return getattr(layers, self.name)(**self.arguments, **more)

    def twin_layer(self, **more) -> keras.Layer | None:
        if self.twin is None:
            return None
        arguments = self.arguments if self.twin is SAME else self.twin
        return keras_twin(getattr(layers, self.name))(**arguments, **more)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.name}({arguments})"


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
    yield Case("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal"}, (7, 4))
    yield Case(
        "Conv2D",
        {"filters": 3, "kernel_size": 3, "padding": 0},
        (7, 6, 4),
        {"filters": 3, "kernel_size": 3},
    )
    channels_first = {"filters": 3, "kernel_size": 3, "data_format": "channels_first", "padding": 1}
    yield Case("Conv2D", channels_first, (4, 7, 6), twin=None)


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
    including = {"pool_size": 3, "padding": 1, "count_include_pad": True}
    yield Case("AveragePooling2D", including, (7, 6, 4), twin=None)


def _normalizations():
    shape = (7, 6, 4)
    yield Case("BatchNormalization", {}, shape)
    yield Case("BatchNormalization", {"moving_statistic": "variance"}, shape, twin={})
    yield Case("BatchNormalization", {"axis": 3, "momentum": 0.9, "epsilon": 1e-5}, shape)
    yield Case("BatchNormalization", {"center": False, "scale": False}, (5, 4))


CASES = [*_convolutions(), *_poolings(), *_normalizations()]
