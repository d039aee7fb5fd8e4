"""The calls that a Keras model makes, in their order, by Keras's public interface alone.

`keras.models.clone_model` tells its `call_function` of each call in a graph; a stand-in is called
there in place of the layer, so that nothing is run and nothing is added to the model's own graph.
Whatever computes in a `call` of its own is called once on symbolic tensors, which makes a graph.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import KerasTensor, tree

from keras_dlnotes.interop.layout import Tensor


class FoldTime:
    """What `TimeDistributed` does first: the time steps lie beside the samples of the batch."""


class UnfoldTime:
    """What `TimeDistributed` does last."""


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
        is_known: tells whether an operation is taken as a whole; it is looked inside otherwise,
            where that is possible.
    """
    recorder = _Recorder(is_known)
    inputs = _inputs(layer)
    if inputs is None:
        recorder.calls.append(Call(layer, [], []))
    else:
        tensors = [Tensor(tuple(spec.shape[1:])) for spec in tree.flatten(inputs)]
        recorder.call(layer, (inputs,), {}, tensors, None)
    return recorder.calls


class _StandIn(keras.Operation):
    def __init__(self, operation):
        super().__init__()
        self.stands_for = operation

    def compute_output_spec(self, *args, **kwargs):
        return self.stands_for.compute_output_spec(*args, **kwargs)


class _Recorder:
    def __init__(self, is_known):
        self.is_known = is_known
        self.calls: list[Call] = []

    def call(self, operation, args, kwargs, tensors, outputs) -> list[Tensor]:
        """Records a call with these input tensors; `outputs` are their specs, where known."""
        if not self.is_known(operation):
            if isinstance(operation, keras.layers.TimeDistributed):
                return self._time_distributed(operation, tensors, outputs)
            graph = _graph(operation, args, kwargs)
            if graph is not None:
                made = len(self.calls)
                try:
                    return self._run(graph, tensors)
                except Exception:  # a graph that cannot be told call by call is taken as a whole
                    del self.calls[made:]
        if outputs is None:
            outputs = tree.flatten(operation.compute_output_spec(*args, **kwargs))
        results = [Tensor(tuple(spec.shape[1:])) for spec in outputs]
        self.calls.append(Call(operation, tensors, results, args, kwargs))
        return results

    def _run(self, graph: keras.Model, tensors) -> list[Tensor]:
        calls = []

        def note(operation, *args, **kwargs):
            outputs = _StandIn(operation)(*args, **kwargs)
            calls.append((operation, args, kwargs, tree.flatten(outputs)))
            return outputs

        clone = keras.models.clone_model(
            graph, clone_function=lambda operation: operation, call_function=note
        )
        known = dict(zip(map(id, clone.inputs), tensors, strict=True))
        for operation, args, kwargs, outputs in calls:
            taken = [known[id(entry)] for entry in _tensors(args, kwargs)]
            results = self.call(operation, args, kwargs, taken, outputs)
            known.update(zip(map(id, outputs), results, strict=True))
        return [known[id(output)] for output in clone.outputs]

    def _time_distributed(self, layer, tensors, outputs):
        entry = Tensor(tensors[0].shape[1:])
        self.calls.append(Call(FoldTime(), tensors[:1], [entry]))
        spec = keras.Input(entry.shape)
        inner = self.call(layer.layer, (spec,), {}, [entry], None)
        results = [Tensor((tensors[0].shape[0], *inner[0].shape))]
        self.calls.append(Call(UnfoldTime(), inner[:1], results))
        return results


def _tensors(args, kwargs) -> list[KerasTensor]:
    return [entry for entry in tree.flatten((args, kwargs)) if isinstance(entry, KerasTensor)]


def _inputs(layer):
    """Symbolic inputs like those that the layer was built for, or None where they aren't known."""
    graph = _own_graph(layer)
    if graph is not None:
        return graph.inputs
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


def _own_graph(layer) -> keras.Model | None:
    """A functional or sequential model's graph, without its settings for training."""
    if not isinstance(layer, keras.Model):
        return None
    try:
        return keras.Model(layer.inputs, layer.outputs)
    except (AttributeError, TypeError, ValueError):  # one of a `call` of its own, or not built
        return None


def _graph(operation, args, kwargs) -> keras.Model | None:
    """The graph of a model, or of what a layer's `call` does with symbolic tensors."""
    graph = _own_graph(operation)
    if graph is not None or not isinstance(operation, keras.Layer) or not operation.built:
        return graph
    given = _tensors(args, kwargs)
    inputs = [keras.Input(batch_shape=entry.shape, dtype=entry.dtype) for entry in given]
    stands_for = dict(zip(map(id, given), inputs, strict=True))
    args, kwargs = tree.map_structure(
        lambda entry: stands_for.get(id(entry), entry), (args, kwargs)
    )
    try:
        with keras.StatelessScope():
            outputs = operation.call(*args, **kwargs)
            return keras.Model(inputs, tree.flatten(outputs))
    except Exception:  # whatever a `call` of the user's own may raise on tensors without values
        return None
