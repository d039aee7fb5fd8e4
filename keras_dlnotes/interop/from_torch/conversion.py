"""The walk over a module's graph that builds the Keras model, call by call."""

import re
from typing import Any

import keras
import numpy as np
import torch

from keras_dlnotes.interop.converted import FreeTensor, to_stored
from keras_dlnotes.interop.from_torch import reading
from keras_dlnotes.interop.from_torch.values import (
    Atom,
    Size,
    UnsupportedError,
    Value,
    atoms_of,
    divide,
    flat,
    new,
    viewed,
)


class Free:
    """A parameter or buffer by its path in the state dict, until an operation takes it."""

    def __init__(self, path: str, tensor: torch.Tensor):
        self.path, self.tensor = path, tensor

    @property
    def is_trainable(self) -> bool:
        return isinstance(self.tensor, torch.nn.Parameter)

    @property
    def array(self) -> np.ndarray:
        """A copy, which no change of the module in place can reach."""
        return self.tensor.detach().cpu().numpy().copy()


class Conversion:
    """The Keras model of a graph, as far as it has been built.

    `operations` is the table: a function of the conversion, the call and its arguments for the
    name of each operation. An argument is a `Value`, a `Free` tensor, a constant tensor of PyTorch,
    a number or a size; a function returns a `Value`, or a list of them.
    """

    def __init__(self, graph: reading.Graph, module, operations):
        self.graph, self.operations = graph, operations
        state = module.state_dict(keep_vars=True)
        self.known: dict[Any, Any] = {}
        self.inputs: list[Any] = []
        self.input_layouts: list[tuple[int, ...]] = []
        self.tensors: list[dict[str, Any]] = []
        self.recurrent: list[dict[str, Any]] = []
        self.outputs: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.batch: dict[Size, Any] = {}
        self.node: Any = None
        self._layers: dict[Any, Any] = {}
        self._taken: set[str] = set()
        self._names: dict[str, int] = {}
        self.applied: Any = None
        for placeholder, path in graph.names.items():
            self.known[placeholder] = Free(path, state[path])
        self.known |= graph.constants
        self.tied = _tied(graph)
        for node in graph.inputs:
            self._add_input(node)

    def _add_input(self, node) -> None:
        shape = reading.sizes_of(node)
        if len(shape) < 1 or isinstance(shape[0], int):
            raise UnsupportedError(
                f"input {node.name} of shape {tuple(map(str, shape))}: no open batch"
            )
        rank = len(shape)
        is_map = rank > 3 or (rank == 3 and _goes_into_windows(node))
        order = (0, *range(2, rank), 1) if is_map else tuple(range(rank))
        lengths = [shape[axis] if isinstance(shape[axis], int) else None for axis in order[1:]]
        dtype = str(node.meta["val"].dtype).removeprefix("torch.")
        tensor = keras.Input(lengths, dtype=dtype, name=self.name(node.name))
        self.inputs.append(tensor)
        self.input_layouts.append(order)
        value = new(tensor, shape, order)
        self.known[node.name] = value
        if shape[0] not in self.batch:
            first = tensor[(slice(None), *(0,) * (rank - 1))]
            zeros = keras.ops.zeros_like(first)
            self.batch[shape[0]] = zeros
        value.axes[0][0].zeros = self.batch[shape[0]]

    def name(self, path: str) -> str:
        """A name for a layer after a path, each once."""
        name = re.sub(r"\W+", "_", path).strip("_") or "module"
        while name in self._taken:
            self._names[name] = self._names.get(name, 0) + 1
            numbered = f"{name}_{self._names[name]}"
            name = numbered if numbered not in self._taken else name
        self._taken.add(name)
        return name

    @property
    def path(self) -> str:
        return reading.path_of(self.node)

    def sizes(self) -> tuple[Size, ...]:
        """PyTorch's shape of what the call returns."""
        return reading.sizes_of(self.node)

    def atoms(self, sizes) -> list[tuple[Atom, ...]]:
        """Fresh atoms for axes, which know how many examples there are."""
        found = [atoms_of(size) for size in sizes]
        for atom in flat(found):
            atom.zeros = self.batch.get(atom.size)
        return found

    def layer(self, kind, path: str, key: tuple = (), **arguments):
        """A layer, the same one for the same tensors of PyTorch and the same arguments."""
        free = tuple(entry.path if isinstance(entry, Free) else None for entry in key)
        told = tuple(sorted((name, repr(value)) for name, value in arguments.items()))
        known = (kind, free, told) if any(free) else None
        if known in self._layers:
            return self._layers[known]
        layer = kind(**arguments, name=self.name(path))
        if known is not None:
            self._layers[known] = layer
        frozen = {not e.tensor.requires_grad for e in key if isinstance(e, Free) and e.is_trainable}
        if len(frozen) > 1:
            raise UnsupportedError("a layer with a frozen parameter beside one that is not")
        if frozen == {True}:
            if isinstance(layer, keras.layers.BatchNormalization):
                raise UnsupportedError(
                    "a frozen normalization that still takes the batch's statistics"
                )
            layer.trainable = False
        return layer

    def activation(self, value: Value, kind, **arguments) -> Value:
        """A layer without weights that keeps the layout, named after the module's path."""
        return value.with_tensor(
            self.apply(kind(**arguments, name=self.name(self.path)), value.tensor)
        )

    def place(self, layer, variable, tensor: Free, axes=None, split=None) -> None:
        """Loads one of PyTorch's tensors into a weight, and notes where it is."""
        if not isinstance(tensor, Free):
            raise UnsupportedError("a weight that is computed")
        paths = self.graph.shared.get(tensor.path, [tensor.path])
        self.used.update(paths)
        number = next(n for n, weight in enumerate(layer.weights) if weight is variable)
        if any(e["layer"] == layer.name and e["weight"] == number for e in self.tensors):
            return
        if any(tensor.path in entry["names"] for entry in self.tensors):
            raise UnsupportedError(f"{tensor.path} in two layers")
        array = tensor.array
        split = list(array.shape if split is None else split)
        axes = list(range(len(split)) if axes is None else axes)
        entry = {
            "names": paths,
            "layer": layer.name,
            "weight": number,
            "split": split,
            "axes": axes,
        }
        self.tensors.append({**entry, "shape": list(array.shape)})
        variable.assign(to_stored(array, entry, tuple(variable.shape)))

    def value(self, argument) -> Value:
        """An argument as a value; a tensor that belongs to no layer gets a layer of its own."""
        if isinstance(argument, Value):
            return argument
        if isinstance(argument, Free):
            if argument.path not in self._layers:
                self._layers[argument.path] = self._free(argument)
            return self._layers[argument.path]
        if isinstance(argument, torch.Tensor):
            if id(argument) not in self._layers:
                layer = self._tensor_layer(argument, f"{self.path}.constant", trainable=False)
                self._layers[id(argument)] = self._loaded(layer, argument), argument
            return self._layers[id(argument)][0]
        raise UnsupportedError(f"{argument!r} as a tensor")

    def _free(self, free: Free) -> Value:
        trainable = free.is_trainable and free.tensor.requires_grad
        layer = self._tensor_layer(free.tensor, free.path, trainable)
        value = self._loaded(layer, free.tensor)
        self.place(layer, layer.values, free)
        return value

    def _tensor_layer(self, tensor, path: str, trainable: bool):
        dtype = str(tensor.dtype).removeprefix("torch.")
        name = self.name(path)
        return FreeTensor(tuple(tensor.shape), dtype, name=name, trainable=trainable)

    def _loaded(self, layer, tensor) -> Value:
        value = new(layer(self.inputs[0]), tuple(tensor.shape))
        layer.values.assign(tensor.detach().cpu().numpy().copy())
        return value

    def shuffled(self, value: Value, shape, order) -> Value:
        """`view(shape).permute(order)`, and a view of the call's shape."""
        value = viewed(value, shape)
        return viewed(value.with_axes(value.axes[n] for n in order), self.sizes())

    def with_length(self, value: Value, tensor, axis: int, place: int, size: Size) -> Value:
        """The value with another length along an axis that is one dimension."""
        (atoms,) = self.atoms([size])
        dims, axes = list(value.dims), list(value.axes)
        dims[place] = axes[axis] = atoms
        return Value(tensor, tuple(dims), tuple(axes))

    def parts(self, value, axis: int, count: int):
        """The value cut into equal parts along an axis."""
        value = self.value(value)
        axis = value.axis(axis)
        value, place = value.one_dim(axis)
        size = divide(value.shape[axis], count)
        if size is None:
            raise UnsupportedError(f"{value.shape[axis]} numbers in {count} parts")
        tensors = keras.ops.split(value.tensor, count, axis=place)
        return [self.with_length(value, tensor, axis, place, size) for tensor in tensors]

    def apply(self, layer, *tensors):
        """A layer's output, which `compare` can find again if the call returns it."""
        self.applied = layer.name, layer(*tensors)
        return self.applied[1]


def layout_of(value: Value) -> dict[str, list[int]]:
    """PyTorch's shape, and the `split` and the `axes` that bring a value there; −1 is open."""
    atoms = flat(value.axes)
    split = [atom.size if isinstance(atom.size, int) else -1 for atom in atoms]
    shape = [size if isinstance(size, int) else -1 for size in value.shape]
    return {"split": split, "axes": [atoms.index(atom) for atom in value.stored], "shape": shape}


def _tied(graph: reading.Graph) -> set[str]:
    """The paths of matrices that several layers share, each with a bias of its own or none."""
    users: dict[str, set[tuple]] = {}
    for node in graph.nodes:
        paths = tuple(graph.names.get(one.name) for one in node.all_input_nodes)
        for path in filter(
            None, paths if reading.operation(node) in ("linear", "embedding") else ()
        ):
            users.setdefault(path, set()).add((reading.operation(node), *filter(None, paths)))
    return {path for path, layers in users.items() if len(layers) > 1}


def _goes_into_windows(node) -> bool:
    """Whether PyTorch takes a tensor (batch, channels, length) as channels first."""
    windows = ("conv", "batch_norm", "max_pool", "avg_pool", "adaptive", "instance_norm")
    return any(reading.operation(user).startswith(windows) for user in node.users)
