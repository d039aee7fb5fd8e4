"""The calls that a model makes, in order, with the shapes that they meet; nothing is run.

Keras records the graph of a Functional or Sequential model. Whatever else computes in a `call` of
its own, a subclassed model or a layer made of layers, is called once on symbolic tensors, which
records a graph as well. This is the one module that reads Keras's graph.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import KerasTensor, tree

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import graph_inputs, graph_nodes
from keras_dlnotes.reports.costs.input_specs import built_model, input_specs


class FoldTime:
    """What `TimeDistributed` does first: (batch, time, …) becomes (batch · time, …)."""


class UnfoldTime:
    """What `TimeDistributed` does last: (batch · time, …) becomes (batch, time, …)."""


@dataclass(frozen=True)
class Step:
    """One call of an operation.

    Args:
        operation: The layer, or the plain operation as of `keras.ops`, that is called.
        name: The name of the owner, behind the names of those that it is nested in.
        owner: The layer that the call is counted for: itself, or the one in whose `call` a plain
            operation stands.
        operands: What it is called on, tensors and constants, in the order of its signature.
        outputs: What it returns.
        arguments: The structure (args, kwargs) that it is called with.
        times: How often, as a wrapper repeats it for each time step; None if that is not known.
        counted: Whether its cost is its own; that of a wrapper is the cost of what it wraps.
    """

    operation: Any
    name: str
    owner: Any
    operands: list[Any]
    outputs: list[KerasTensor]
    arguments: tuple[tuple, dict] = ((), {})
    times: int | None = 1
    counted: bool = True


@dataclass
class Trace:
    """All calls of a model: its inputs, the steps between, its outputs."""

    inputs: list[KerasTensor] = field(default_factory=list)
    outputs: list[KerasTensor] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    # Those that are seen through, each behind what it holds.
    containers: list[Step] = field(default_factory=list)


def trace(
    model: keras.Model,
    input_shape: Any,
    is_known: Callable[[Any], bool],
    batch_size: int | None = 1,
) -> Trace:
    """Returns the calls that the model makes for inputs of this shape.

    Args:
        model: Any Keras model; one that isn't built yet gets built for the shape.
        input_shape: Without the batch: a tuple of lengths, or for several inputs a list of tuples
            or a mapping from names to tuples. None takes the shape that the model was built for.
        is_known: Tells of an operation whether it is taken as a whole; where not, the trace looks
            inside if it can.
        batch_size: The length of the batch axis, where the model itself does not fix it.

    Raises:
        ValueError: If the model is none, or the shape does not suit it.
    """
    if not isinstance(model, keras.Model):
        raise argument_error("model", "a Keras model", model)
    if not graph_inputs(model):
        model = built_model(model, input_shape, batch_size)
    specs = input_specs(model, input_shape, batch_size)
    tracer = _Tracer(is_known)
    tracer.trace.inputs = tree.flatten(specs)
    outputs = tracer.call(model, (specs,), {}, "", model, 1, root=True)
    tracer.trace.outputs = outputs
    return tracer.trace


class _Tracer:
    def __init__(self, is_known: Callable[[Any], bool]):
        self.is_known = is_known
        self.trace = Trace()

    def call(self, operation, args, kwargs, name, owner, times, root=False) -> list[KerasTensor]:
        """Traces one call and returns its outputs, flat."""
        operands = _operands(operation, args, kwargs)
        here = operation, args, kwargs, name, owner, times
        inputs = graph_inputs(operation)
        if isinstance(operation, keras.layers.Bidirectional):
            return self._bidirectional(*here, operands)
        if not root and self.is_known(operation):
            return self._whole(*here, operands)
        if inputs:
            tensors = [entry for entry in operands if isinstance(entry, KerasTensor)]
            outputs = self._graph(inputs, operation.outputs, tensors, name, None, times)
        elif isinstance(operation, keras.layers.TimeDistributed):
            outputs = self._time_distributed(*here, operands)
        elif isinstance(operation, keras.layers.RNN):
            outputs = self._recurrent(*here, operands)
        else:
            recorded = _record(operation, args, kwargs)
            if recorded is None:
                return self._whole(*here, operands)
            given, symbolic, results = recorded
            outputs = self._graph(symbolic, results, given, name, operation, times)
        container = Step(operation, name, operation, operands, outputs, (args, kwargs), times)
        self.trace.containers.append(container)
        return outputs

    def _whole(self, operation, args, kwargs, name, owner, times, operands, counted=True):
        outputs = _outputs(operation, args, kwargs)
        self.trace.steps.append(
            Step(operation, name, owner, operands, outputs, (args, kwargs), times, counted)
        )
        return outputs

    def _graph(self, inputs, outputs, specs, name, owner, times) -> list[KerasTensor]:
        """Traces a recorded graph, its inputs being the specs.

        `owner` is the layer that plain operations are counted for, None for each of its own.
        """
        known = dict(zip(map(id, inputs), specs, strict=True))
        for node in graph_nodes(inputs, outputs):
            args, kwargs = tree.map_structure(
                lambda entry: known.get(id(entry), entry),
                (node.arguments.args, node.arguments.kwargs),
            )
            operation = node.operation
            in_charge = operation
            if owner is not None and not isinstance(operation, keras.Layer):
                in_charge = owner
            path = name if in_charge is owner else join(name, operation.name)
            results = self.call(operation, args, kwargs, path, in_charge, times)
            known.update(zip(map(id, node.outputs), results, strict=True))
        return [known[id(output)] for output in outputs]

    def _time_distributed(self, layer, args, kwargs, name, owner, times, operands):
        batch, steps, *rest = operands[0].shape
        entry = KerasTensor((batch, *rest), dtype=operands[0].dtype)
        markers = {"owner": layer, "name": name, "times": times, "counted": False}
        self.trace.steps.append(Step(FoldTime(), operands=operands[:1], outputs=[entry], **markers))
        child = join(name, layer.layer.name)
        inner = self.call(layer.layer, (entry,), {}, child, layer.layer, _product(times, steps))
        outputs = _outputs(layer, args, kwargs)
        self.trace.steps.append(Step(UnfoldTime(), operands=inner, outputs=outputs, **markers))
        return outputs

    def _bidirectional(self, layer, args, kwargs, name, owner, times, operands):
        halves = []
        for half in (layer.forward_layer, layer.backward_layer):
            path = join(name, half.name)
            halves += self.call(half, (operands[0],), {}, path, half, times)
        outputs = self._whole(layer, args, kwargs, name, layer, times, halves)
        self.trace.containers.append(Step(layer, name, layer, operands, outputs))
        return outputs

    def _recurrent(self, layer, args, kwargs, name, owner, times, operands):
        """Traces a `keras.layers.RNN` whose cells are listed each for itself."""
        batch, steps, *features = operands[0].shape
        cell = layer.cell
        cells = cell.cells if isinstance(cell, keras.layers.StackedRNNCells) else [cell]
        entry = KerasTensor((batch, *features), dtype=layer.compute_dtype)
        for part in cells:
            states = tree.map_structure(
                lambda size: KerasTensor((batch, size), dtype=layer.compute_dtype),
                [*_as_list(part.state_size)],
            )
            path = join(name, part.name)
            entry, *_ = self.call(part, (entry, states), {}, path, part, _product(times, steps))
        return self._whole(layer, args, kwargs, name, layer, times, operands, counted=False)


def _product(times: int | None, steps: int | None) -> int | None:
    return None if times is None or steps is None else times * steps


def _as_list(value: Any) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def join(outer: str, inner: str) -> str:
    return f"{outer}/{inner}" if outer else inner


def _operands(operation: Any, args: tuple, kwargs: dict) -> list[Any]:
    """Returns what has a shape among the arguments, masks left out, in the signature's order."""
    arguments: Any = (args, kwargs)
    if isinstance(operation, keras.Layer):
        try:
            bound = inspect.signature(operation.call).bind_partial(*args, **kwargs).arguments
        except TypeError:
            bound = {}
        arguments = [value for key, value in bound.items() if not key.endswith("mask")]
        arguments = arguments or (args, kwargs)
    return [entry for entry in tree.flatten(arguments) if hasattr(entry, "shape")]


def _outputs(operation: Any, args: tuple, kwargs: dict) -> list[KerasTensor]:
    outputs = tree.flatten(operation.compute_output_spec(*args, **kwargs))
    if not _are_known(outputs) and _are_known(_operands(operation, args, kwargs)):
        # A layer may promise less than it does: EinsumDense, if told that a length is None
        recorded = _record(operation, args, kwargs)
        if recorded is not None:
            return recorded[-1]
    return outputs


def _are_known(tensors: Iterable[Any]) -> bool:
    return all(None not in tensor.shape for tensor in tensors)


def _record(layer: Any, args: tuple, kwargs: dict) -> tuple[list, list, list] | None:
    """Calls a layer's `call` on symbolic tensors; None where it can't be called on them.

    Returns the given tensors, those that stand for them in the recorded graph, and the results.
    """
    if not isinstance(layer, keras.Layer) or not layer.built:
        return None
    given = [entry for entry in tree.flatten((args, kwargs)) if isinstance(entry, KerasTensor)]
    symbolic = [KerasTensor(tensor.shape, dtype=tensor.dtype) for tensor in given]
    stands_for = dict(zip(map(id, given), symbolic, strict=True))
    args, kwargs = tree.map_structure(
        lambda entry: stands_for.get(id(entry), entry), (args, kwargs)
    )
    try:
        with keras.StatelessScope():
            results = tree.flatten(layer.call(*args, **kwargs))
    except Exception:  # whatever a call of any user's own may raise on tensors without values
        return None
    if not all(isinstance(result, KerasTensor) for result in results):
        return None
    return given, symbolic, results
