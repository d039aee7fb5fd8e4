"""The Keras model of a module's graph, as far as it has been built."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import torch

from keras_dlnotes.interop.converted import FreeTensor, to_stored
from keras_dlnotes.interop.from_torch import reading
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, atoms_of, flat

# what converts a call, by the name of its operation: a function of the conversion and the call's
# arguments, of which tensors are `Value`s; so is what it returns, or all of a list
OPERATIONS: dict[str, Callable] = {}


# Keras's functions, where PyTorch has other names
_NAMES = (
    "sub=subtract rsub=subtract mul=multiply div=divide pow=power eq=equal ne=not_equal gt=greater "
    "ge=greater_equal lt=less le=less_equal neg=negative detach=stop_gradient amax=max amin=min "
    "hardshrink=hard_shrink softshrink=soft_shrink hardsigmoid=hard_sigmoid hardswish=hard_silu "
    "tanhshrink=tanh_shrink"
)
# the arguments of layers that tell whether they have a weight
_HAS = {"bias": "use_bias", "beta": "center", "gamma": "scale"}


def enter(table: Mapping[str, Callable]) -> None:
    """Enters functions into the table of operations, each under one name or several."""
    OPERATIONS.update({n: function for names, function in table.items() for n in names.split()})


def named(names: Sequence[str], arguments: Sequence) -> dict[str, Any]:
    """A call's arguments by name; the last ones may be left out."""
    if len(arguments) > len(names):
        raise UnsupportedError(f"the arguments {tuple(arguments[len(names) :])}")
    return dict(zip(names, arguments, strict=False))


class Free(Value):
    """A parameter or buffer, or a constant, whose path is empty: taken by a layer as its weight.

    Where an operation takes it as a tensor, it becomes a layer of its own.
    """

    def __init__(self, conversion: "Conversion", data: torch.Tensor, path: str = ""):
        self._conversion, self.data, self.path = conversion, data, path
        axes = [atoms_of(size) for size in data.shape]
        super().__init__(None, axes, axes)

    @property
    def is_trainable(self) -> bool:
        return isinstance(self.data, torch.nn.Parameter)

    @property
    def native(self) -> torch.Tensor:
        """What PyTorch computes with; of the module's own tensors a copy."""
        return self.data.detach().clone() if self.path else self.data

    @property
    def array(self) -> np.ndarray:
        """A copy, which no change of the module in place can reach."""
        return self.data.detach().cpu().numpy().copy()

    @property
    def tensor(self):
        if self._tensor is None:
            self._tensor = self._conversion.free(self)
        return self._tensor


class Conversion:
    """The inputs, the layers and the record of a model, and what each tensor of PyTorch became."""

    def __init__(self, graph: reading.Graph, module, operations):
        self.graph, self.operations = graph, operations
        self.inputs: list[Any] = []
        self.record: dict[str, Any] = {"inputs": [], "tensors": [], "recurrent": [], "outputs": {}}
        self.used: set[str] = set()
        self.node: Any = None
        self.applied: Any = None
        self._zeros: dict[Any, Any] = {}
        self._layers: dict[Any, Any] = {}
        self._taken: set[str] = set()
        self._paths: dict[int, list[str]] = {}
        state = module.state_dict(keep_vars=True)
        for path, tensor in state.items():
            self._paths.setdefault(id(tensor), []).append(path)
        free = {path: Free(self, tensor, path) for path, tensor in state.items()}
        self.known: dict[str, Any] = {name: free[path] for name, path in graph.names.items()}
        self.known |= {name: Free(self, tensor) for name, tensor in graph.constants.items()}
        for node in graph.inputs:
            self._add_input(node)

    def _add_input(self, node) -> None:
        shape = reading.sizes_of(node)
        rank = len(shape)
        if not rank or isinstance(shape[0], int):
            shown = tuple(map(str, shape))
            raise UnsupportedError(f"input {node.name} of shape {shown}: no open batch")
        is_map = rank > 3 or (rank == 3 and _goes_into_windows(node))
        order = (0, *range(2, rank), 1) if is_map else tuple(range(rank))
        lengths = [shape[axis] if isinstance(shape[axis], int) else None for axis in order[1:]]
        dtype = reading.type_of(node.meta["val"])
        tensor = keras.Input(lengths, dtype=dtype, name=self.name(node.name))
        self.inputs.append(tensor)
        self.record["inputs"].append(list(order))
        if shape[0] not in self._zeros:
            first = tensor[(slice(None), *(0,) * (rank - 1))]
            self._zeros[shape[0]] = keras.ops.zeros_like(first)
        axes = self.atoms(shape)
        self.known[node.name] = Value(tensor, (axes[n] for n in order), axes)

    def name(self, path: str) -> str:
        """A name for a layer after a path, each once."""
        name = whole = re.sub(r"\W+", "_", path).strip("_") or "module"
        numbers = itertools.count(1)
        while name in self._taken:
            name = f"{whole}_{next(numbers)}"
        self._taken.add(name)
        return name

    @property
    def path(self) -> str:
        return reading.path_of(self.node)

    @property
    def operation(self) -> str:
        return reading.operation(self.node)

    @property
    def keras_name(self) -> str:
        """Keras's name for the call's operation."""
        return dict(pair.split("=") for pair in _NAMES.split()).get(self.operation, self.operation)

    @property
    def function(self) -> Callable:
        return getattr(keras.ops, self.keras_name)

    def sizes(self) -> tuple[Any, ...]:
        """PyTorch's shape of what the call returns."""
        return reading.sizes_of(self.node)

    def atoms(self, sizes) -> list[tuple]:
        """Fresh atoms for axes, which know how many examples there are."""
        found = [atoms_of(size) for size in sizes]
        for atom in flat(found):
            atom.zeros = self._zeros.get(atom.size)
        return found

    def along(self, value: Value, axis: int, function, size: Any = None) -> Value:
        """`function(tensor, place)` of the dimension that is an axis, of which `size` are left."""
        value, place = value.one_dim(axis)
        value = value.with_tensor(function(value.tensor, place))
        return value if size is None else value.with_axis(axis, place, *self.atoms([size]))

    def layer(self, kind, tensor, weights=None, layouts=None, path=None, **arguments):
        """What a layer makes of a tensor: the same layer for the same weights and arguments.

        `weights` are PyTorch's tensors, or None, by the names of the layer's; `layouts` the `axes`
        and the `split` of those that are stored in another order (see `ConvertedModel`).
        """
        weights = weights or {}
        arguments |= {_HAS[name]: weights[name] is not None for name in _HAS if name in weights}
        given = {name: free for name, free in weights.items() if free is not None}
        if not all(isinstance(free, Free) and free.path for free in given.values()):
            raise UnsupportedError("a weight that is computed")
        if given and path is None:  # the module's, and `in_proj` of its `in_proj_weight`
            path = re.sub(r"\.?_?(weight|running_mean)$", "", next(iter(given.values())).path)
        key = kind, *(free.path for free in given.values()), repr(sorted(arguments.items()))
        layer = self._layers.get(key) if given else None
        if layer is None:
            layer = kind(**arguments, name=self.name(self.path if path is None else path))
            self._layers[key] = layer
        trained = {f.data.requires_grad for f in given.values() if f.is_trainable}
        if len(trained) > 1:
            raise UnsupportedError("a layer with a frozen parameter beside one that is not")
        if trained == {False}:
            if isinstance(layer, keras.layers.BatchNormalization):
                raise UnsupportedError(
                    "a frozen normalization that still takes the batch's statistics"
                )
            layer.trainable = False
        self.applied = layer.name, layer(tensor)
        for name, free in given.items():
            self._place(layer, getattr(layer, name), free, *(layouts or {}).get(name, ()))
        return self.applied[1]

    def plain(self, kind, value: Value, *weights, **arguments) -> Value:
        """What a layer makes of a value that keeps its layout."""
        return value.with_tensor(self.layer(kind, value.tensor, *weights, **arguments))

    def _place(self, layer, variable, free: Free, axes=None, split=None) -> None:
        """Loads one of PyTorch's tensors into a weight, and notes where it is."""
        number = next(n for n, weight in enumerate(layer.weights) if weight is variable)
        tensors = self.record["tensors"]
        if any(entry["layer"] == layer.name and entry["weight"] == number for entry in tensors):
            return
        if any(free.path in entry["names"] for entry in tensors):
            raise UnsupportedError(f"{free.path} in two layers")
        array, names = free.array, self._paths[id(free.data)]
        self.used.update(names)
        split = list(array.shape if split is None else split)
        axes = list(range(len(split)) if axes is None else axes)
        entry = {"names": names, "layer": layer.name, "weight": number, "split": split}
        entry |= {"axes": axes, "shape": list(array.shape)}
        tensors.append(entry)
        variable.assign(to_stored(array, entry, tuple(variable.shape)))

    def free(self, free: Free):
        """The output of a layer that holds nothing but a tensor."""
        path = free.path or f"{self.path}.constant"
        trained = free.is_trainable and free.data.requires_grad
        arguments = {"name": self.name(path), "trainable": trained}
        layer = FreeTensor(tuple(free.data.shape), reading.type_of(free.data), **arguments)
        tensor = layer(self.inputs[0])
        if free.path:
            self._place(layer, layer.values, free)
        else:
            layer.values.assign(free.array)
        return tensor


def layout_of(value: Value) -> dict[str, list[int]]:
    """PyTorch's shape, and the `split` and the `axes` that bring a value there; −1 is open."""
    atoms = flat(value.axes)
    split = [atom.size if isinstance(atom.size, int) else -1 for atom in atoms]
    shape = [size if isinstance(size, int) else -1 for size in value.shape]
    return {"split": split, "axes": [atoms.index(atom) for atom in value.stored], "shape": shape}


def _goes_into_windows(node) -> bool:
    """Whether PyTorch takes a tensor (batch, channels, length) as channels first."""
    windows = ("conv", "batch_norm", "max_pool", "avg_pool", "adaptive", "instance_norm")
    return any(reading.operation(user).startswith(windows) for user in node.users)
