"""The walk over a module's graph, call by call, by the table of operations."""

from typing import Any

import torch

from keras_dlnotes.interop.from_torch import reading
from keras_dlnotes.interop.from_torch.conversion import Conversion, Free, layout_of
from keras_dlnotes.interop.from_torch.order import Order
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value

# calls that make a tensor, and what they fill it with; None for their third argument
CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(["new_zeros", "zeros", "zeros_like"], 0),
    **dict.fromkeys(["new_ones", "ones", "ones_like"], 1),
    "new_full": None,
}
# calls whose results are no constants, though their operands may be
RANDOM = ("empty", "new_empty", "rand", "bernoulli", "normal", "uniform", "multinomial", "dropout")
# calls that put parameters into layers; for the others, a parameter is a tensor like any other
_TAKE_FREE = (
    *("conv", "linear", "batch_norm", "layer_norm", "group_norm", "instance_norm"),
    *("prelu", "embedding", "lstm", "gru", "rnn", "index"),
)


def run(conversion: Conversion) -> list[str]:
    """Converts every call; returns what is not supported, each with its path and line."""
    problems, failed = [], set()
    order = Order(conversion.graph)
    for node in conversion.graph.nodes:
        conversion.node, conversion.applied = node, None
        name = reading.operation(node)
        if _updates_buffer(conversion, node):
            problems.append(_problem(node, "it changes a buffer in training"))
            failed.add(node.name)
            continue
        if reading.is_in_place(node) and not _is_constant(conversion, node):
            # whether or not the outputs need it: what it changes may be a part of what they need
            first = conversion.known.get(node.args[0].name)
            if not isinstance(first, Free) and (other := order.changed_as_well(node)):
                reason = f"it changes {other.name}, too, which shares its memory"
                problems.append(_problem(node, reason))
        if node not in order.needed and not _is_constant(conversion, node):
            continue
        if any(one.name in failed for one in order.sources[node]):
            failed.add(node.name)
            if name not in conversion.operations and name not in CONSTANTS and not _is_size(node):
                problems.append(_problem(node, "no Keras operation is known for it"))
            continue
        try:
            if _is_constant(conversion, node):
                order.check_constant(node)
            conversion.known[node.name] = _call(conversion, node, name)
        except (UnsupportedError, TypeError, ValueError) as reason:  # also of a layer of Keras
            failed.add(node.name)
            problems.append(_problem(node, str(reason)))
            continue
        if reading.is_in_place(node):
            conversion.known[node.args[0].name] = conversion.known[node.name]
    return problems


def _updates_buffer(conversion: Conversion, node) -> bool:
    """Whether a call changes a tensor of the module, other than a counter of batches."""
    first = node.args[0] if node.args else None
    known = isinstance(first, torch.fx.Node) and conversion.known.get(first.name)
    return isinstance(known, Free) and reading.is_in_place(node) and known.tensor.ndim > 0


def _is_constant(conversion: Conversion, node) -> bool:
    """Whether PyTorch itself can compute a call, none of whose operands is open or trained."""
    name = reading.operation(node)
    is_call = hasattr(node.target, "overloadpacket") or name == "getitem"
    if not is_call or node.meta.get("val") is None or name.startswith(RANDOM):
        return False
    if name in CONSTANTS:
        sizes = node.meta["val"].shape
        return all(isinstance(reading.size(n), int) for n in sizes)
    return all(
        isinstance(known, torch.Tensor | int | float)
        or (isinstance(known, Free) and not known.is_trainable)
        or (isinstance(known, list | tuple) and all(isinstance(k, torch.Tensor) for k in known))
        for known in (conversion.known.get(one.name) for one in node.all_input_nodes)
    ) and not (
        reading.is_in_place(node) and isinstance(conversion.known.get(node.args[0].name), Free)
    )


def _call(conversion: Conversion, node, name: str):
    if _is_size(node):
        return reading.size(node.meta["val"])
    if _is_constant(conversion, node):
        return _computed(conversion, node, name)

    def operand(one):
        known = conversion.known[one.name]
        is_free = isinstance(known, Free) and not name.startswith(_TAKE_FREE)
        return conversion.value(known) if is_free else known

    args, kwargs = (torch.fx.node.map_arg(a, operand) for a in (node.args, dict(node.kwargs)))
    if name not in conversion.operations:
        raise UnsupportedError("no Keras operation is known for it")
    result = conversion.operations[name](conversion, *args, **kwargs)
    if conversion.applied and isinstance(result, Value) and result.tensor is conversion.applied[1]:
        _note(conversion, result)
    return result


def _computed(conversion: Conversion, node, name: str):
    """A constant, by PyTorch itself."""
    if name in CONSTANTS:
        value = node.meta["val"]
        made = torch.empty(tuple(map(int, value.shape)), dtype=value.dtype)
        fill = CONSTANTS[name]
        return made.fill_(node.args[2] if fill is None else fill)

    def known(one):
        found = conversion.known[one.name]
        return found.tensor.detach().clone() if isinstance(found, Free) else found

    args, kwargs = (torch.fx.node.map_arg(a, known) for a in (node.args, dict(node.kwargs)))
    with torch.no_grad():
        return node.target(*args, **{k: v for k, v in kwargs.items() if k != "device"})


def _note(conversion: Conversion, value: Value) -> None:
    conversion.outputs.setdefault(
        conversion.applied[0], {"path": conversion.path, **layout_of(value)}
    )


def _is_size(node) -> bool:
    return isinstance(node.meta.get("val"), torch.SymInt | int)


def _problem(node, reason: str) -> str:
    path = reading.path_of(node) or "(the module itself)"
    return f"{node.target} in {path}, {reading.line_of(node)}: {reason}"
