"""The layers of a model and its recorded calls: the only module that uses Keras's private names.

Keras records each call on symbolic tensors as a node, which has `operation`, `arguments`,
`input_tensors` and `outputs`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import KerasTensor


def layers_of(layer: Any) -> list[keras.Layer]:
    """Returns the layer and all layers inside it, each once; none of what is no layer."""
    return layer._flatten_layers() if isinstance(layer, keras.Layer) else []


def children(layer: keras.Layer) -> list[tuple[str, keras.Layer]]:
    """Returns the layers directly inside, each with the attribute that holds it.

    The attribute is "list/0" or "dict/key" for an entry, and "" for a layer of a model's graph.
    """
    if isinstance(layer, keras.Sequential) or hasattr(layer, "inputs"):
        return [("", child) for child in layer.layers]
    found = []
    # on the PyTorch backend a layer is a module too, which keeps layers apart from other values
    modules = dict(layer.named_children()) if hasattr(layer, "named_children") else {}
    for name, value in (modules | vars(layer)).items():
        if name.startswith("_"):
            continue
        if isinstance(value, dict):
            entries = {f"{name}/{key}": entry for key, entry in value.items()}
        elif isinstance(value, list | tuple):
            entries = {f"{name}/{number}": entry for number, entry in enumerate(value)}
        else:
            entries = {name: value}
        found += [(key, e) for key, e in entries.items() if isinstance(e, keras.Layer)]
    return found


def graph_inputs(model: Any) -> list[KerasTensor]:
    """Returns the inputs of a model's graph; none where Keras recorded no graph."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        return []
    return list(model.inputs)


def graph_nodes(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> list[Any]:
    """Returns the nodes between the tensors, each after those that it depends on."""
    known = set(map(id, inputs))
    ordered, seen = [], set()
    stack = [(_node(tensor), False) for tensor in reversed(outputs) if id(tensor) not in known]
    while stack:
        node, entered = stack.pop()
        if entered:
            ordered.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            for tensor in reversed(node.input_tensors):
                if id(tensor) not in known:
                    stack.append((_node(tensor), False))
    return ordered


def first_nodes(model: keras.Model) -> dict[str, Any]:
    """Returns, by its name, the first node of each layer in the model's own graph.

    `layer.output` may belong to another graph: that of a nested model itself, or of another model
    that shares the layer.
    """
    nodes = graph_nodes(graph_inputs(model), model.outputs)
    nodes.sort(key=lambda node: node.operation._inbound_nodes.index(node))
    found: dict[str, Any] = {}
    for node in nodes:
        found.setdefault(node.operation.name, node)
    return {layer.name: found[layer.name] for layer in model.layers if layer.name in found}


def _node(tensor: KerasTensor) -> Any:
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


@contextlib.contextmanager
def replaced_methods(owner: Any, **methods: Any) -> Iterator[None]:
    """Replaces methods of one object until the context ends."""
    before = {name: vars(owner)[name] for name in methods if name in vars(owner)}
    try:
        for name, method in methods.items():
            setattr(owner, name, method)
        yield
    finally:
        for name in methods:
            vars(owner).pop(name, None)
        for name, method in before.items():
            setattr(owner, name, method)


def set_states(layer: keras.layers.RNN, stateful: bool, states: Any) -> None:
    """Sets the states of a built recurrent layer, which Keras refuses: they are not its weights."""
    vars(layer).update(stateful=stateful, states=states)


@contextlib.contextmanager
def suspended_states(model: Any) -> Iterator[None]:
    """Makes every call of stateful layers start anew and keep nothing, until the context ends."""
    layers = [layer for layer in layers_of(model) if getattr(layer, "stateful", False)]
    for layer in layers:
        layer.stateful = False
    try:
        yield
    finally:
        for layer in layers:
            layer.stateful = True


def backed_up_epoch(model: keras.Model) -> int | None:
    """Returns the epoch that `BackupAndRestore` makes the next `fit` begin with, if any."""
    return model._initial_epoch


def forget_backed_up_epoch(model: keras.Model) -> None:
    """Makes `fit` begin with its own `initial_epoch`, whatever an earlier fit left behind."""
    model._initial_epoch = None
