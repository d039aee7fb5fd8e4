"""What depends on what in a graph that changes tensors in place."""

from typing import Any

import torch

from keras_dlnotes.interop.from_torch import reading
from keras_dlnotes.interop.from_torch.values import UnsupportedError


class Order:
    """The calls that outputs need, and the tensors that share memory."""

    def __init__(self, graph: reading.Graph, outputs=None):
        self.sources: dict[Any, list[Any]] = {}
        self._number = {node: number for number, node in enumerate(graph.nodes)}
        self._memory: dict[Any, Any] = {}
        current: dict[Any, Any] = {}
        for node in graph.nodes:
            self.sources[node] = [current.get(one, one) for one in node.all_input_nodes]
            first = node.args[0] if node.args else None
            same = reading.shares_memory(node) or reading.is_in_place(node)
            if same and isinstance(first, torch.fx.Node):
                self._memory[node] = self._memory.get(first, first)
            if reading.is_in_place(node):
                current[first] = node
        self._alike: dict[Any, list[Any]] = {}
        for node, root in self._memory.items():
            self._alike.setdefault(root, [root]).append(node)
        self.needed: set[Any] = set()
        outputs = graph.outputs if outputs is None else outputs
        waiting = [one for one in outputs if isinstance(one, torch.fx.Node)]
        waiting = [current.get(one, one) for one in waiting]
        while waiting:
            node = waiting.pop()
            if node not in self.needed:
                self.needed.add(node)
                waiting += self.sources.get(node, [])

    def check_constant(self, node) -> None:
        """Raises where PyTorch would compute a constant by a change of one of the module's own."""
        first = node.args[0] if reading.is_in_place(node) else None
        if first is not None and self._memory.get(first, first).op == "placeholder":
            raise UnsupportedError("it changes one of the module's tensors")

    def changed_as_well(self, node) -> Any:
        """Another tensor that a change in place shows in, and that is used later, or None."""
        first, last = node.args[0], len(self._number)
        for other in self._alike.get(self._memory.get(first, first), []):
            is_before = self._number.get(other, -1) < self._number[node]
            # the output is no call, and the last to use anything
            is_used = any(self._number.get(u, last) > self._number[node] for u in other.users)
            if other is not first and is_before and is_used:
                return other
        return None
