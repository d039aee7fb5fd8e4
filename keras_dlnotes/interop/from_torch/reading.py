"""Reads a PyTorch module: its graph by `torch.export`, in training mode and in evaluation mode."""

import linecache
import math
import re
import time
import warnings
from typing import Any

import torch

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.interop.compare import in_mode

SECONDS = 10  # of the processor for the tracer to find out whether the lengths of maps can be open
_FRAME = re.compile(r'File "(.*)", line (\d+), in')
# calls whose result may be a view of the first argument
_VIEWS = (
    "alias chunk contiguous detach diagonal expand expand_as flatten getitem movedim moveaxis "
    "narrow numpy_T permute pixel_shuffle reshape reshape_as select slice split split_with_sizes "
    "squeeze swapaxes swapdims t tensor_split to transpose type_as unbind unflatten unfold "
    "unsqueeze view view_as"
)


class Graph:
    """One mode of a module: its calls in order, what its tensors are, and what shares memory.

    Attributes:
        nodes, inputs, outputs, out_spec: of the exported program.
        names: the path of a parameter or buffer by its placeholder.
        constants: tensors that are neither, by their placeholders.
        ranges: what each open length can be, as far as the module has asked for it.
        sources: the operands of each call, those changed in place by the last change.
    """

    def __init__(self, program):
        signature, state = program.graph_signature, {**program.state_dict, **program.constants}
        own = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        others = {**own, **signature.inputs_to_lifted_tensor_constants}
        kept = {*own.values()} - {*signature.non_persistent_buffers}
        self.names = {name: path for name, path in own.items() if path in kept}
        self.constants = {n: state[path] for n, path in others.items() if n not in self.names}
        self._all = list(program.graph.nodes)
        self.inputs = [node for node in self._all if node.name in signature.user_inputs]
        self.nodes = [node for node in self._all if node.op == "call_function"]
        self.ranges = program.range_constraints
        self.outputs, self.out_spec = list(self._all[-1].args[0]), program.call_spec.out_spec
        self._memory: dict[Any, Any] = {}
        self._current: dict[Any, Any] = {}
        self.sources: dict[Any, list[Any]] = {}
        for node in self.nodes:
            self.sources[node] = [self._current.get(one, one) for one in node.all_input_nodes]
            first = node.args[0] if node.args else None
            is_alike = is_in_place(node) or operation(node) in _VIEWS.split()
            if is_alike and isinstance(first, torch.fx.Node):
                self._memory[node] = self.memory(first)
            if is_in_place(node):
                self._current |= dict.fromkeys(self.changed(node), node)

    def memory(self, node) -> Any:
        """What made the memory of a tensor."""
        return self._memory.get(node, node)

    def needed(self, outputs) -> set[Any]:
        """All that these outputs depend on."""
        found: set[Any] = set()
        waiting = [self._current.get(n, n) for n in outputs if isinstance(n, torch.fx.Node)]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += self.sources.get(node, [])
        return found

    def changed(self, node) -> list[Any]:
        """What a change in place is written to: its first operand, and what that is a slice of.

        An operand that is itself a change in place is the tensor that this one had changed.
        """
        found = [node.args[0]]
        while is_slice(found[-1]) or is_in_place(found[-1]):
            found.append(found[-1].args[0])
        return found

    def changed_as_well(self, node) -> Any:
        """Another tensor that a change in place shows in, and that is used later, or None."""
        alike = (one for one in self._all if self.memory(one) is self.memory(node.args[0]))
        for other in alike:
            is_used = any(node < user for user in other.users)
            if other not in self.changed(node) and other < node and is_used:
                return other
        return None


def read(module, example: tuple, training: bool, is_open: bool = False) -> Graph:
    """Returns the graph of a module in a mode, the number of examples open.

    `is_open`: whether to leave the lengths of maps open, too, as long as that does not take long.

    Raises:
        ValueError: for control flow or sizes that depend on data, and other programs that PyTorch
            cannot trace.
    """
    tensors = tuple(tensor.detach().clone() for tensor in example)
    shapes = torch.export.ShapesCollection()
    for tensor in tensors:
        lengths = range(2, tensor.ndim) if is_open and tensor.ndim > 3 else ()
        shapes[tensor] = dict.fromkeys((0, *lengths), torch.export.Dim.AUTO)
    end = time.thread_time() + (SECONDS if is_open else math.inf)

    def check_time(*_):
        if time.thread_time() > end:
            raise TimeoutError(f"open lengths took more than {SECONDS} seconds")

    handles = [part.register_forward_pre_hook(check_time) for part in module.modules()]
    with in_mode(module, training), warnings.catch_warnings():
        # recurrent modules list their weights anew in each call
        warnings.filterwarnings(
            "ignore", message="The tensor attributes? .* assigned during export"
        )
        try:
            program = torch.export.export(module, tensors, dynamic_shapes=shapes, strict=False)
        except Exception as error:
            raise _not_traced(error) from error
        finally:
            for handle in handles:
                handle.remove()
    return Graph(program)


def _not_traced(error: Exception) -> ValueError:
    text, kind = str(error), type(error).__name__
    depends = "GuardOnDataDependent" in kind + text
    expected = (
        "a module whose control flow and sizes do not depend on data"
        if depends
        else "a module that torch.export can trace"
    )
    message = next((line for line in text.splitlines() if line.strip()), kind)
    return argument_error("module", expected, kind, f"{message.strip()}. At {_user_line(text)}")


def path_of(node) -> str:
    """The path of the module that makes a call."""
    stack = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    return stack[-1] if stack and not stack[-1].startswith("_empty_nn_module") else ""


def described(node) -> str:
    """A call with the path of its module and the user's line that makes it."""
    line = _user_line(node.meta.get("stack_trace") or "")
    return f"{node.target} in {path_of(node) or '(the module itself)'}, {line}"


def _user_line(trace: str) -> str:
    """The last line of a trace that is not PyTorch's."""
    frames = _FRAME.findall(trace)
    if not frames:
        return "an unknown line"
    file, line = ([frame for frame in frames if "/torch/" not in frame[0]] or frames)[-1]
    return f"{file}:{line}: {linecache.getline(file, int(line)).strip()}"


def sizes_of(node) -> tuple[Any, ...]:
    """The shape of a call's first result: ints, and symbols where a length is open."""
    value = node.meta["val"]
    return tuple(map(size, (value[0] if isinstance(value, list | tuple) else value).shape))


def open_lengths(graph: Graph) -> list[tuple[int, int, Any]]:
    """The input, the axis and the symbol of every length that is open, but for the batch."""
    return [
        (number, axis, length)
        for number, node in enumerate(graph.inputs)
        for axis, length in enumerate(sizes_of(node))
        if axis > 1 and not isinstance(length, int)
    ]


def type_of(tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def size(value) -> Any:
    """A length as an int, or as the symbol of the tracer."""
    expression = value.node.expr if isinstance(value, torch.SymInt) else value
    return int(expression) if getattr(expression, "is_Integer", True) else expression


def operation(node) -> str:
    """The name of an operation without its overload, such as `conv2d`; `relu_` counts as `relu`."""
    name = _name(node)
    return name[:-1] if is_in_place(node) else name


def is_slice(node) -> bool:
    return node.op == "call_function" and operation(node) == "slice"


def is_in_place(node) -> bool:
    return hasattr(node.target, "overloadpacket") and _name(node).endswith("_")


def _name(node) -> str:
    if not hasattr(node.target, "overloadpacket"):
        return getattr(node.target, "__name__", str(node.target))
    name = node.target.name().partition(".")[0]
    return name.removeprefix("aten::")
