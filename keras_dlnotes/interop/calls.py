"""The calls that a Keras model makes, with tensors whose layout in PyTorch is inferred."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import KerasTensor, tree

from keras_dlnotes.common.calls import CallTracer, symbolic_tensors
from keras_dlnotes.common.graph import graph_inputs
from keras_dlnotes.interop.layout import Tensor


@dataclass(eq=False)
class Call:
    """One call of a layer or an operation, with the tensors that it takes and returns."""

    operation: Any
    inputs: list[Tensor]
    outputs: list[Tensor]
    args: tuple = ()
    kwargs: dict = field(default_factory=dict)

    @property
    def constants(self) -> list[Any]:
        """Arrays and variables among the arguments."""
        entries = tree.flatten((self.args, self.kwargs))
        return [
            entry
            for entry in entries
            if hasattr(entry, "shape") and not isinstance(entry, KerasTensor) and entry.shape
        ]


def calls_of(layer: keras.Layer, is_known: Callable[[Any], bool]) -> list[Call]:
    """Returns the calls that a built model or layer makes.

    Args:
        layer: built.
        is_known: whether an operation counts as a whole; otherwise its own calls are returned,
            where that is possible.
    """
    specs = _inputs(layer)
    if specs is None:
        return [Call(layer, [], [])]
    tracer = _Tracer(is_known)
    tracer.trace(layer, (specs,))
    tensors = {id(spec): _tensor(spec) for spec in tree.flatten(specs)}
    found = []
    for call in tracer.calls:
        inputs = [tensors[id(entry)] for entry in symbolic_tensors(call)]
        outputs = [_tensor(output) for output in call.outputs]
        tensors.update(zip(map(id, call.outputs), outputs, strict=True))
        found.append(Call(call.operation, inputs, outputs, call.args, call.kwargs))
    return found


class _Tracer(CallTracer):
    def look_into(self, call):
        count = len(self.calls)
        try:
            return super().look_into(call)
        except Exception:  # a layer in it may have no output shape for these inputs
            del self.calls[count:]
            return None


def _tensor(spec: KerasTensor) -> Tensor:
    return Tensor(tuple(spec.shape[1:]))


def _inputs(layer):
    """Symbolic inputs like those that the layer was built for, or None where they aren't known."""
    inputs = graph_inputs(layer)
    if inputs:
        return inputs
    shape = (layer.get_build_config() or {}).get("input_shape")
    if shape is None:
        return None
    try:
        if isinstance(shape, dict):
            return {name: keras.Input(tuple(entry[1:])) for name, entry in shape.items()}
        if shape and isinstance(shape[0], list | tuple):
            return [keras.Input(tuple(entry[1:])) for entry in shape]
        # ids look up rows of a table
        dtype = "int32" if isinstance(layer, keras.layers.Embedding) else None
        return keras.Input(tuple(shape[1:]), dtype=dtype)
    except (TypeError, ValueError):
        return None
