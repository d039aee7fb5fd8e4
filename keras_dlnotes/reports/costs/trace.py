"""The calls that a report counts: those of a model, for inputs of one shape."""

from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import KerasTensor, tree

from keras_dlnotes.common.calls import Call, CallTracer, join, product
from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import graph_inputs
from keras_dlnotes.reports.costs.input_specs import built_model, input_specs
from keras_dlnotes.reports.costs.rules import find_cost


@dataclass(frozen=True)
class Trace:
    """All calls of a model, between its inputs and outputs; containers are those looked into."""

    inputs: list[KerasTensor]
    calls: list[Call]
    containers: list[Call]
    outputs: list[KerasTensor]


def trace(model: keras.Model, input_shape: Any, batch_size: int | None = 1) -> Trace:
    """Returns the calls that a model makes for inputs of this shape.

    What has a rule for its cost is one call; anything else is looked into where that is possible.

    Args:
        model: Any Keras model; one that isn't built yet gets built for the shape.
        input_shape: Without the batch: a tuple of lengths, or for several inputs a list of tuples
            or a mapping from names to tuples. None takes the shape that the model was built for.
        batch_size: The length of the batch axis, where the model itself does not fix it.

    Raises:
        ValueError: If `model` is no model, or the shape does not fit it.
    """
    if not isinstance(model, keras.Model):
        raise argument_error("model", "a Keras model", model)
    if not graph_inputs(model):
        model = built_model(model, input_shape, batch_size)
    specs = input_specs(model, input_shape, batch_size)
    tracer = _Tracer(model)
    outputs = tracer.trace(model, (specs,))
    return Trace(tree.flatten(specs), tracer.calls, tracer.containers, outputs)


class _Tracer(CallTracer):
    """Also looks into bidirectional layers, for each direction, and into RNNs, for each cell."""

    def __init__(self, model: keras.Model):
        super().__init__(self._is_known)
        self._model = model

    def _is_known(self, operation: Any) -> bool:
        if operation is self._model or isinstance(operation, keras.layers.Bidirectional):
            return False
        return find_cost(operation) is not None

    def look_into(self, call: Call) -> list[KerasTensor] | None:
        if isinstance(call.operation, keras.layers.Bidirectional):
            return self._bidirectional(call)
        if isinstance(call.operation, keras.layers.RNN):
            return self._recurrent(call)
        return super().look_into(call)

    def _bidirectional(self, call: Call) -> list[KerasTensor]:
        layer, halves = call.operation, []
        for half in (layer.forward_layer, layer.backward_layer):
            name = join(call.name, half.name)
            halves += self.trace(half, (call.operands[0],), name=name, times=call.times)
        return self.add(replace(call, owner=layer, operands=halves))

    def _recurrent(self, call: Call) -> list[KerasTensor]:
        layer, cell = call.operation, call.operation.cell
        batch, steps, *features = call.operands[0].shape
        cells = cell.cells if isinstance(cell, keras.layers.StackedRNNCells) else [cell]
        entry = KerasTensor((batch, *features), dtype=layer.compute_dtype)
        for part in cells:
            sizes = part.state_size
            states = tree.map_structure(
                lambda size: KerasTensor((batch, size), dtype=layer.compute_dtype),
                list(sizes) if isinstance(sizes, list | tuple) else [sizes],
            )
            name, times = join(call.name, part.name), product(call.times, steps)
            entry, *_ = self.trace(part, (entry, states), name=name, times=times)
        return self.add(replace(call, counted=False))
