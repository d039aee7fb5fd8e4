"""From a module to a model: both graphs, the conversion, and what speaks against it."""

from collections import Counter
from typing import Any

import torch

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.interop.converted import ConvertedModel
from keras_dlnotes.interop.from_torch import (
    chance,
    elementwise,
    normalization,
    parts,
    products,
    reading,
    recurrent,
    shapes,
    windows,
)
from keras_dlnotes.interop.from_torch.conversion import Conversion, layout_of
from keras_dlnotes.interop.from_torch.order import Order
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, flat
from keras_dlnotes.interop.from_torch.walk import run

OPERATIONS = {
    **windows.OPERATIONS,
    **normalization.OPERATIONS,
    **parts.OPERATIONS,
    **elementwise.OPERATIONS,
    **shapes.OPERATIONS,
    **products.OPERATIONS,
    **chance.OPERATIONS,
    **recurrent.OPERATIONS,
}
_OF_CHANCE = {"bernoulli", "empty", "new_empty", "div", "mul"}


def convert(module, example: tuple) -> ConvertedModel:
    """Returns the model of a module, or raises with all that is not supported."""
    graph = reading.read(module, example, training=True)
    inference = reading.read(module, example, training=False)
    outputs = _outputs(graph, inference)
    _check_modes(graph, inference, outputs[: len(inference.outputs)])
    try:
        conversion = Conversion(graph, module, OPERATIONS)
    except UnsupportedError as reason:
        raise argument_error("example", "tensors with the batch first", str(reason)) from reason
    problems = run(conversion)
    if problems:
        listed = "\n".join(f"    {problem}" for problem in dict.fromkeys(problems))
        raise ValueError(
            f"{type(module).__name__} cannot be converted, since {len(problems)} of its calls have "
            f"no counterpart:\n{listed}"
        )
    _check_parameters(module, conversion)
    values = [_output(conversion, node) for node in outputs]
    tensors = [value.tensor for value in values]
    structure = _structured(tensors, inference)
    model = ConvertedModel(
        conversion.inputs[0] if len(conversion.inputs) == 1 else conversion.inputs,
        structure,
        name=conversion.name(type(module).__name__.lower()),
    )
    own = {f"output {n}": {"path": "", **layout_of(value)} for n, value in enumerate(values)}
    model.torch_record = {
        "inputs": [list(order) for order in conversion.input_layouts],
        "tensors": conversion.tensors,
        "recurrent": conversion.recurrent,
        "keys": list(structure) if isinstance(structure, dict) else [],
        "outputs": conversion.outputs | own,
    }
    return model


def _outputs(graph: reading.Graph, inference: reading.Graph) -> list[Any]:
    """The outputs of the training graph: first those of evaluation, then auxiliary heads."""
    if len(graph.outputs) == len(inference.outputs):
        return graph.outputs
    left, found = list(graph.outputs), []
    for wanted in inference.outputs:
        alike = [node for node in left if _signature(node) == _signature(wanted)]
        if len(alike) != 1:
            raise argument_error(
                "module",
                "one whose outputs in evaluation are among those in training",
                f"{len(inference.outputs)} and {len(graph.outputs)} outputs",
            )
        found.append(alike[0])
        left.remove(alike[0])
    return found + left


def _signature(node) -> tuple[str, str]:
    return reading.path_of(node), reading.operation(node)


def _check_modes(graph: reading.Graph, inference: reading.Graph, outputs) -> None:
    """Raises where a module computes one thing in training and another in evaluation."""
    training = _calls(graph, outputs)
    evaluation = _calls(inference, inference.outputs)
    random = {path for path, name in training if name == "bernoulli"}
    more = training - evaluation
    for path, name in [*more]:
        if path in random and name in _OF_CHANCE:
            del more[path, name]
    differing = [*(evaluation - training), *more]
    if differing:
        listed = ", ".join(f"{name} in {path or 'the module'}" for path, name in differing[:5])
        expected = "one that makes the same calls in training and in evaluation, but for dropout"
        raise argument_error("module", expected, listed)


def _calls(graph: reading.Graph, outputs) -> Counter:
    """The calls that depend on the inputs, each by its module's path and its operation."""
    needed = Order(graph, outputs).needed
    on_data, found = {*graph.inputs}, Counter[tuple[str, str]]()
    for node in graph.nodes:
        if any(one in on_data for one in node.all_input_nodes):
            on_data.add(node)
            is_tensor = not isinstance(node.meta.get("val"), torch.SymInt | int | None)
            if node in needed and is_tensor:
                found[_signature(node)] += 1
    return found


def _check_parameters(module, conversion: Conversion) -> None:
    unused = [
        path
        for path, _ in module.named_parameters(remove_duplicate=False)
        if path not in conversion.used
    ]
    if unused:
        listed = ", ".join(unused[:5]) + (f" and {len(unused) - 5} more" if unused[5:] else "")
        hint = "A module that keeps tensors from an earlier call must be made anew."
        raise argument_error("module", "one that uses all its parameters", listed, hint)


def _output(conversion: Conversion, node) -> Value:
    """An output as a Keras tensor: maps channels last, anything else in PyTorch's order."""
    value = conversion.known[node.name] if isinstance(node, torch.fx.Node) else node
    value = conversion.value(value)
    dims = value.axes
    if value.rank > 2:
        batch, channels, *lengths = value.axes
        last = (batch, *lengths, channels)
        if value.rank > 3 or (flat(last) == value.stored and flat(value.axes) != value.stored):
            dims = last
    return value.arranged(dims)


def _structured(tensors, inference: reading.Graph):
    """The outputs as a tensor, a list, or a dict where PyTorch has one."""
    count = len(inference.outputs)
    if len(tensors) == 1 and inference.out_spec.num_nodes == 1:
        return tensors[0]
    structure = inference.out_spec.unflatten(tensors[:count])
    if isinstance(structure, dict) and len(tensors) == count:
        return {str(key): tensor for key, tensor in structure.items()}
    return tensors
