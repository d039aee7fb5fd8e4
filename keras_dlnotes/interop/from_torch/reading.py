"""Reads a PyTorch module: its graph by `torch.export`, in training mode and in evaluation mode."""

import contextlib
import inspect
import linecache
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from keras_dlnotes.common.checks import argument_error

_FRAME = re.compile(r'File "(.*)", line (\d+), in')


@dataclass(eq=False)
class Graph:
    """One mode of a module: the calls in order, and what its tensors are."""

    nodes: list[Any]
    inputs: list[Any]
    outputs: list[Any]
    out_spec: Any
    names: dict[str, str]  # a placeholder → the path of a parameter or buffer
    constants: dict[str, Any]  # a placeholder → a tensor that is no parameter
    shared: dict[str, list[str]] = field(default_factory=dict)  # a path → those of the same tensor


@contextlib.contextmanager
def in_mode(module, training: bool) -> Iterator[None]:
    """Puts a module into a mode, and every part back into its own."""
    modes = {name: part.training for name, part in module.named_modules()}
    module.train(training)
    try:
        yield
    finally:
        for name, part in module.named_modules():
            part.training = modes[name]


def read(module, example: tuple, training: bool) -> Graph:
    """Returns the graph of a module in a mode, the number of examples open.

    Raises:
        ValueError: for control flow or sizes that depend on data, and other programs that PyTorch
            cannot trace.
    """
    tensors = tuple(tensor.detach().clone() for tensor in example)
    first = {0: torch.export.Dim.AUTO}
    with in_mode(module, training), warnings.catch_warnings():
        # recurrent modules list their weights anew in each call
        warnings.filterwarnings(
            "ignore", message="The tensor attributes? .* assigned during export"
        )
        try:
            program = torch.export.export(
                module,
                tensors,
                dynamic_shapes=_like_arguments(module, tensors, first),
                strict=False,
            )
        except Exception as error:
            raise _not_traced(error) from error
    return _graph(program, module)


def _like_arguments(module, tensors, first):
    """The open dimensions, in the form that a signature with *args demands."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters[: len(tensors)]):
        named = next(n for n, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL)
        return (*[first] * named, tuple([first] * (len(tensors) - named)))
    return tuple([first] * len(tensors))


def _not_traced(error: Exception) -> ValueError:
    depends = "GuardOnDataDependent" in type(error).__name__ + str(error)
    expected = (
        "a module whose control flow and sizes do not depend on data"
        if depends
        else "a module that torch.export can trace"
    )
    text = str(error)
    own = [frame for frame in _FRAME.findall(text) if "/torch/" not in frame[0]]
    where = f' At "{own[-1][0]}", line {own[-1][1]}.' if own else ""
    message = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return argument_error("module", expected, type(error).__name__, f"{message.strip()}.{where}")


def _graph(program, module) -> Graph:
    names, constants, inputs = {}, {}, []
    kinds = torch.export.graph_signature.InputKind
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    state = {**program.state_dict, **program.constants}
    for node, spec in zip(placeholders, program.graph_signature.input_specs, strict=True):
        if spec.kind is kinds.USER_INPUT:
            inputs.append(node)
        elif spec.kind in (kinds.PARAMETER, kinds.BUFFER) and spec.persistent is not False:
            names[node.name] = spec.target
        else:
            constants[node.name] = state[spec.target]
    (output,) = [node for node in program.graph.nodes if node.op == "output"]
    shared: dict[int, list[str]] = {}
    for path, tensor in module.state_dict(keep_vars=True).items():
        shared.setdefault(id(tensor), []).append(path)
    return Graph(
        [node for node in program.graph.nodes if node.op == "call_function"],
        inputs,
        list(output.args[0]),
        program.call_spec.out_spec,
        names,
        constants,
        {path: paths for paths in shared.values() for path in paths},
    )


def leaves(output) -> list[Any]:
    """The tensors that a module returned, in the order of its graph's outputs."""
    if isinstance(output, torch.Tensor):
        return [output]
    entries = output.values() if isinstance(output, dict) else output
    return [leaf for entry in entries if entry is not None for leaf in leaves(entry)]


def path_of(node) -> str:
    """The path of the module that makes a call."""
    stack = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    return stack[-1] if stack and not stack[-1].startswith("_empty_nn_module") else ""


def line_of(node) -> str:
    """The user's line that makes a call."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    own = [frame for frame in frames if "/torch/" not in frame[0]] or frames
    if not own:
        return "an unknown line"
    file, line = own[-1]
    text = linecache.getline(file, int(line)).strip()
    return f"{file}:{line}: {text}"


def sizes_of(node) -> tuple[Any, ...]:
    """The shape of a call's first result: ints, and symbols where a length is open."""
    value = node.meta["val"]
    return tuple(size(n) for n in (value[0] if isinstance(value, list | tuple) else value).shape)


def size(value) -> Any:
    """A length as an int, or as the symbol of the tracer."""
    if isinstance(value, torch.SymInt):
        expression = value.node.expr
        return int(expression) if expression.is_Integer else expression
    return int(value)


def operation(node) -> str:
    """The name of an operation without its overload, such as `conv2d`; `relu_` counts as `relu`."""
    name = _qualified(node)
    return name[:-1] if is_in_place(node) else name


def is_in_place(node) -> bool:
    name = _qualified(node)
    return hasattr(node.target, "overloadpacket") and name.endswith("_")


def overload(node) -> str:
    """The overload of an operation, such as `Tensor` of `add.Tensor`."""
    return node.target.name().partition("::")[2].partition(".")[2]


def _qualified(node) -> str:
    if hasattr(node.target, "overloadpacket"):
        space, _, name = node.target.name().partition("::")
        name = name.partition(".")[0]
        return name if space == "aten" else f"{space}::{name}"
    return getattr(node.target, "__name__", str(node.target))


_VIEWS = frozenset(
    [
        "view",
        "reshape",
        "permute",
        "transpose",
        "slice",
        "select",
        "unsqueeze",
        "squeeze",
        "expand",
        "contiguous",
        "flatten",
        "unflatten",
        "chunk",
        "split",
        "split_with_sizes",
        "unbind",
        "detach",
        "getitem",
        "narrow",
        "t",
        "swapaxes",
        "movedim",
        "expand_as",
        "view_as",
        "reshape_as",
        "unfold",
        "alias",
        "to",
        "numpy_T",
        "swapdims",
        "moveaxis",
        "tensor_split",
        "type_as",
        "diagonal",
        "pixel_shuffle",
    ]
)


def shares_memory(node) -> bool:
    """Tells whether the result may be a view of the first argument."""
    return operation(node) in _VIEWS
