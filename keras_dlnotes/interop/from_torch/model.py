"""From a module to a model: both graphs, the walk over the calls, and what speaks against it."""

import contextlib
from collections import Counter
from typing import Any

import keras
import torch

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.interop.compare import check_outputs, in_mode
from keras_dlnotes.interop.converted import ConvertedModel

# layers, products and recurrent enter what they convert, and so does what they import
from keras_dlnotes.interop.from_torch import layers, products, reading, recurrent  # noqa: F401
from keras_dlnotes.interop.from_torch.axes import written
from keras_dlnotes.interop.from_torch.conversion import OPERATIONS, Conversion, Free, layout_of
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, flat

_OF_CHANCE = {"bernoulli", "empty", "new_empty", "div", "mul"}
# calls whose results are no constants, though their operands may be
_RANDOM = ("empty", "new_empty", "rand", "bernoulli", "normal", "uniform", "multinomial", "dropout")

_LARGE = 2**31  # no module has a branch for such lengths
_SIZES = torch.SymInt | int


def convert(module, example: tuple) -> ConvertedModel:
    """Returns the model of a module, or raises with all that is not supported."""
    if any(tensor.ndim > 3 for tensor in example):
        # whatever speaks against open lengths, be it an error of PyTorch's for longer maps
        with contextlib.suppress(Exception):
            model = _converted(module, example, is_open=True)
            check_outputs(model, module, _longer(model, example))
            return model
    return _converted(module, example, is_open=False)


def _longer(model: ConvertedModel, example: tuple) -> tuple:
    """The example with maps that are longer where the model's lengths are open."""
    found = []
    each = zip(example, model.inputs, model.torch_record["inputs"], strict=True)
    for tensor, inputs, order in each:
        lengths = dict(zip(order, inputs.shape, strict=True))
        more = ((0, 32 * n * (lengths[n] is None)) for n in range(tensor.ndim - 1, 1, -1))
        found.append(torch.nn.functional.pad(tensor, [n for pair in more for n in pair]))
    return tuple(found)


def _converted(module, example: tuple, is_open: bool) -> ConvertedModel:
    graph = reading.read(module, example, True, is_open)
    inference = reading.read(module, example, False, is_open)
    _check_lengths(graph, module, example)
    _check_lengths(inference, module, example)
    outputs = _outputs(graph, inference)
    _check_modes(graph, inference, outputs[: len(inference.outputs)])
    try:
        conversion = Conversion(graph, module, OPERATIONS)
    except UnsupportedError as reason:
        raise argument_error("example", "tensors with the batch first", str(reason)) from reason
    problems = _run(conversion)
    if problems:
        listed = "\n".join(f"    {problem}" for problem in dict.fromkeys(problems))
        raise ValueError(
            f"{type(module).__name__} cannot be converted, since {len(problems)} of its calls have "
            f"no counterpart:\n{listed}"
        )
    values = [_output(conversion, node) for node in outputs]
    _check_parameters(module, conversion)
    structure = _structured([value.tensor for value in values], inference)
    model = ConvertedModel(
        conversion.inputs[0] if len(conversion.inputs) == 1 else conversion.inputs,
        structure,
        name=conversion.name(type(module).__name__.lower()),
    )
    own = {f"output {n}": {"path": "", **layout_of(value)} for n, value in enumerate(values)}
    conversion.record["outputs"] |= own
    keys = list(structure) if isinstance(structure, dict) else []
    model.torch_record = {**conversion.record, "keys": keys}
    return model


def _check_lengths(graph: reading.Graph, module, example: tuple) -> None:
    """Raises where an open length depends on another one, or the module has a branch for some."""
    opened = reading.open_lengths(graph)
    if len({length for *_, length in opened}) < len(opened):
        raise ValueError("The lengths are not open each on its own.")
    for number, axis, length in opened:
        if not length.is_Symbol or graph.ranges[length].upper < _LARGE:
            raise ValueError(f"The length {length} is bounded.")
        least = int(graph.ranges[length].lower)
        if least <= 2:  # the tracer takes no length for 1
            continue
        shorter = [tensor.clone() for tensor in example]
        shorter[number] = shorter[number].narrow(axis, 0, least - 1)
        try:
            with in_mode(module, training=False), torch.no_grad():
                module(*shorter)
        except Exception:  # too short for a window, say, which is no branch
            continue
        raise ValueError(f"The module has a branch for lengths below {least}.")


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
    more = [
        call for call in training - evaluation if call[0] not in random or call[1] not in _OF_CHANCE
    ]
    if differing := [*(evaluation - training), *more]:
        listed = ", ".join(f"{name} in {path or 'the module'}" for path, name in differing[:5])
        expected = "one that makes the same calls in training and in evaluation, but for dropout"
        raise argument_error("module", expected, listed)


def _calls(graph: reading.Graph, outputs) -> Counter:
    """The calls that depend on the inputs, each by its module's path and its operation."""
    needed = graph.needed(outputs)
    on_data, found = {*graph.inputs}, Counter[tuple[str, str]]()
    for node in graph.nodes:
        if any(one in on_data for one in node.all_input_nodes):
            on_data.add(node)
            is_tensor = not isinstance(node.meta.get("val"), torch.SymInt | int | None)
            if node in needed and is_tensor:
                found[_signature(node)] += 1
    return found


def _check_parameters(module, conversion: Conversion) -> None:
    paths = (path for path, _ in module.named_parameters(remove_duplicate=False))
    if unused := [path for path in paths if path not in conversion.used]:
        listed = ", ".join(unused[:5]) + (f" and {len(unused) - 5} more" if unused[5:] else "")
        hint = "A module that keeps tensors from an earlier call must be made anew."
        raise argument_error("module", "one that uses all its parameters", listed, hint)


def _output(conversion: Conversion, node) -> Value:
    """An output as a Keras tensor: maps channels last, anything else in PyTorch's order."""
    value = conversion.known[node.name] if isinstance(node, torch.fx.Node) else node
    if not isinstance(value, Value):
        raise argument_error("module", "one that returns tensors", value)
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


def _run(c: Conversion) -> list[str]:
    """Converts every call; returns what is not supported, each with its path and line."""
    needed = c.graph.needed(c.graph.outputs)
    problems: list[str] = []
    failed: set[Any] = set()
    for node in c.graph.nodes:
        c.node, c.applied = node, None
        try:
            is_constant, is_size = _is_constant(c), isinstance(node.meta.get("val"), _SIZES)
            # whether or not the outputs need it: what it changes may be a part of what they need
            _check_change(c, is_constant)
            if node not in needed and not is_constant:
                continue
            if not is_size and not is_constant and c.operation not in c.operations:
                raise UnsupportedError("no Keras operation is known for it")
            if not failed.isdisjoint(c.graph.sources[node]):
                failed.add(node)
                continue
            result = reading.size(node.meta["val"]) if is_size else _call(c, is_constant)
            c.known[node.name] = result
            if reading.is_in_place(node):
                _write(c, result, is_constant)
        except (UnsupportedError, TypeError, ValueError) as reason:  # also of a layer of Keras
            failed.add(node)
            problems.append(f"{reading.described(node)}: {reason}")
            continue
    return problems


def _write(c: Conversion, result, is_constant: bool) -> None:
    """Writes a change in place into what the call was given a slice of."""
    first, *wholes = c.graph.changed(c.node)
    c.known[first.name] = result
    for whole in wholes if not is_constant else ():  # PyTorch itself changes constants
        if reading.is_slice(first):
            result = written(c, c.known[whole.name], result, *first.args[1:])
        first, c.known[whole.name] = whole, result


def _check_change(c: Conversion, is_constant: bool) -> None:
    """Raises where a change in place reaches more than the tensor that the call names."""
    if not reading.is_in_place(c.node):
        return
    first = c.node.args[0]
    changed = c.known.get(first.name)
    if is_constant:
        if c.graph.memory(first).op == "placeholder":
            raise UnsupportedError("it changes one of the module's tensors")
    elif isinstance(changed, Free) and changed.path:
        if changed.rank:  # a counter of batches has no axes
            raise UnsupportedError("it changes a buffer in training")
    elif other := c.graph.changed_as_well(c.node):
        raise UnsupportedError(f"it changes {other.name}, too, which shares its memory")


def _is_constant(c: Conversion) -> bool:
    """Whether PyTorch itself can compute a call, none of whose operands is open or trained."""
    is_call = hasattr(c.node.target, "overloadpacket") or c.operation == "getitem"
    if not is_call or c.node.meta.get("val") is None or c.operation.startswith(_RANDOM):
        return False
    operands = [c.known.get(one.name) for one in c.node.all_input_nodes]
    is_change = reading.is_in_place(c.node) and isinstance(operands[0], Free) and operands[0].path
    return all(map(_is_fixed, operands)) and not is_change


def _is_fixed(operand) -> bool:
    if isinstance(operand, list | tuple):
        return all(map(_is_fixed, operand))
    is_tensor = isinstance(operand, Free) and not operand.is_trainable
    return is_tensor or isinstance(operand, int | float)


def _call(c: Conversion, is_constant: bool):
    def operand(one):
        known = c.known[one.name]
        if is_constant:
            return keras.tree.map_structure(lambda e: e.native if isinstance(e, Free) else e, known)
        is_number = isinstance(known, Free) and not known.path and not known.rank
        return known.data.item() if is_number else known

    args = torch.fx.node.map_arg(c.node.args, operand)
    kwargs = dict(torch.fx.node.map_arg(dict(c.node.kwargs), operand))
    if is_constant:
        kwargs.pop("device", None)
        with torch.no_grad():
            result = c.node.target(*args, **kwargs)
        return keras.tree.map_structure(lambda data: Free(c, data), result)
    result = c.operations[c.operation](c, *args, **kwargs)
    if c.applied and isinstance(result, Value) and result.tensor is c.applied[1]:
        entry = {"path": c.path, **layout_of(result)}
        c.record["outputs"].setdefault(c.applied[0], entry)
    return result
