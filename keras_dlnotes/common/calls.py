"""The calls that a model makes, in order, with the shapes of their tensors; nothing is run.

Keras records the graph of a Functional or Sequential model. Whatever else computes in a `call` of
its own, a subclassed model or a layer made of layers, is called once on symbolic tensors, which
records a graph as well.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import KerasTensor, tree

from keras_dlnotes.common.graph import graph_inputs, graph_nodes


class FoldTime:
    """The first step of `TimeDistributed`: (batch, time, …) becomes (batch · time, …)."""


class UnfoldTime:
    """The last step of `TimeDistributed`: (batch · time, …) becomes (batch, time, …)."""


@dataclass(eq=False)
class Call:
    """One call of an operation.

    Args:
        operation: The layer, or the plain operation as of `keras.ops`, that is called.
        args, kwargs: What it is called with.
        name: The name of the owner, after the names of those that it is nested in.
        owner: The layer that the call is counted for: itself, or the one whose `call` makes it.
        times: How often a wrapper repeats it, once for each time step; None if that is not known.
        counted: Whether its cost is its own; that of a wrapper is the cost of what it wraps.
        operands: The tensors and constants among its arguments, in the order of its signature.
        outputs: What it returns.
    """

    operation: Any
    args: tuple = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    owner: Any = None
    times: int | None = 1
    counted: bool = True
    operands: list[Any] = field(default_factory=list)
    outputs: list[KerasTensor] = field(default_factory=list)


class CallTracer:
    """Lists the calls of a model or layer.

    Args:
        is_known: Whether an operation is taken as a whole. One that is not is looked into, where
            that is possible.
    """

    def __init__(self, is_known: Callable[[Any], bool]):
        self.is_known = is_known
        self.calls: list[Call] = []
        self.containers: list[Call] = []  # those that were looked into, after their contents

    def trace(
        self,
        operation: Any,
        args: tuple,
        kwargs: dict[str, Any] | None = None,
        name: str = "",
        owner: Any = None,
        times: int | None = 1,
    ) -> list[KerasTensor]:
        """Traces one call and returns its outputs, flat."""
        call = Call(
            operation, args, kwargs or {}, name, operation if owner is None else owner, times
        )
        call.operands = operands_of(operation, call.args, call.kwargs)
        outputs = None if self.is_known(operation) else self.look_into(call)
        if outputs is None:
            return self.add(call)
        call.owner, call.outputs = operation, outputs
        self.containers.append(call)
        return outputs

    def add(self, call: Call) -> list[KerasTensor]:
        """Lists a call as a whole and returns its outputs."""
        call.outputs = call.outputs or _outputs(call)
        self.calls.append(call)
        return call.outputs

    def look_into(self, call: Call) -> list[KerasTensor] | None:
        """Traces what the operation calls and returns the outputs; None if it cannot be seen."""
        operation = call.operation
        inputs = graph_inputs(operation)
        if inputs:
            tensors = [entry for entry in call.operands if isinstance(entry, KerasTensor)]
            return self._graph(inputs, operation.outputs, tensors, call, None)
        if isinstance(operation, keras.layers.TimeDistributed):
            return self._time_distributed(call)
        recorded = _record(call)
        if recorded is None:
            return None
        tensors, inputs, outputs = recorded
        return self._graph(inputs, outputs, tensors, call, operation)

    def _graph(
        self,
        inputs: Sequence[KerasTensor],
        outputs: Sequence[KerasTensor],
        tensors: Sequence[KerasTensor],
        around: Call,
        owner: Any,
    ) -> list[KerasTensor]:
        """Traces a recorded graph, its inputs being the tensors.

        `owner` is the layer that plain operations are counted for, None for each of its own.
        """
        known = dict(zip(map(id, inputs), tensors, strict=True))
        for node in graph_nodes(inputs, outputs):
            args, kwargs = _replaced((node.arguments.args, node.arguments.kwargs), known)
            operation = in_charge = node.operation
            if owner is not None and not isinstance(operation, keras.Layer):
                in_charge = owner
            name = around.name if in_charge is owner else join(around.name, operation.name)
            results = self.trace(operation, args, kwargs, name, in_charge, around.times)
            known.update(zip(map(id, node.outputs), results, strict=True))
        return [known[id(output)] for output in outputs]

    def _time_distributed(self, call: Call) -> list[KerasTensor]:
        layer, inputs = call.operation, call.operands[0]
        batch, steps, *rest = inputs.shape
        entry = KerasTensor((batch, *rest), dtype=inputs.dtype)
        shared = {"name": call.name, "owner": layer, "times": call.times, "counted": False}
        fold = Call(FoldTime(), (inputs,), operands=[inputs], outputs=[entry], **shared)
        self.add(fold)
        name = join(call.name, layer.layer.name)
        inner = self.trace(layer.layer, (entry,), name=name, times=product(call.times, steps))
        unfold = Call(UnfoldTime(), (inner[0],), operands=inner, outputs=_outputs(call), **shared)
        return self.add(unfold)


def join(outer: str, inner: str) -> str:
    """Returns the name of what is nested in another."""
    return f"{outer}/{inner}" if outer else inner


def product(times: int | None, steps: int | None) -> int | None:
    """Returns how often what is called `times` is called over all steps."""
    return None if times is None or steps is None else times * steps


def operands_of(operation: Any, args: tuple, kwargs: dict[str, Any]) -> list[Any]:
    """Returns the arguments that have a shape, but for masks, in the signature's order."""
    arguments: Any = (args, kwargs)
    if isinstance(operation, keras.Layer):
        try:
            bound = inspect.signature(operation.call).bind_partial(*args, **kwargs).arguments
        except TypeError:
            bound = {}
        arguments = [value for key, value in bound.items() if not key.endswith("mask")]
        arguments = arguments or (args, kwargs)
    return [entry for entry in tree.flatten(arguments) if hasattr(entry, "shape")]


def symbolic_tensors(call: Call) -> list[KerasTensor]:
    """Returns all tensors of the model among the arguments, masks included."""
    entries = tree.flatten((call.args, call.kwargs))
    return [entry for entry in entries if isinstance(entry, KerasTensor)]


def _outputs(call: Call) -> list[KerasTensor]:
    outputs = tree.flatten(call.operation.compute_output_spec(*call.args, **call.kwargs))
    if not _are_known(outputs) and _are_known(call.operands):
        # A layer may promise less than it does: EinsumDense, if a length of its own is None
        recorded = _record(call)
        if recorded is not None:
            return recorded[-1]
    return outputs


def _are_known(tensors: Sequence[Any]) -> bool:
    return all(None not in tensor.shape for tensor in tensors)


def _record(call: Call) -> tuple[list, list, list] | None:
    """Calls a layer's `call` on symbolic tensors; None where it can't be called on them.

    Returns the given tensors, those that stand for them in the recorded graph, and the results.
    """
    layer = call.operation
    if not isinstance(layer, keras.Layer) or not layer.built:
        return None
    given = symbolic_tensors(call)
    inputs = [KerasTensor(tensor.shape, dtype=tensor.dtype) for tensor in given]
    stands_for = dict(zip(map(id, given), inputs, strict=True))
    args, kwargs = _replaced((call.args, call.kwargs), stands_for)
    try:
        with keras.StatelessScope():
            results = tree.flatten(layer.call(*args, **kwargs))
    except Exception:  # whatever a call of any user's own may raise on tensors without values
        return None
    if not all(isinstance(result, KerasTensor) for result in results):
        return None
    return given, inputs, results


def _replaced(arguments: Any, known: dict[int, Any]) -> Any:
    return tree.map_structure(lambda entry: known.get(id(entry), entry), arguments)
