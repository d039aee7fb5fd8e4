"""Layer by layer: what a Keras model and a PyTorch module make of the same batch."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import first_nodes
from keras_dlnotes.interop.converted import ConvertedModel, from_stored, outputs_of
from keras_dlnotes.interop.loading import table
from keras_dlnotes.interop.matching_names import words

TOLERANCE = 1e-4  # of a difference, relative to PyTorch's largest number


@dataclass(frozen=True)
class Pair:
    """What a layer and a module return: the largest difference, relative to PyTorch's largest."""

    layer: str
    module: str
    shape: tuple[int, ...]
    difference: float

    @property
    def is_equal(self) -> bool:
        return self.difference <= TOLERANCE  # not so for NaN


@dataclass(frozen=True)
class Comparison:
    """The outcome of `compare`: pairs in the order in which the layers are called.

    As a `str`, it is a table, in which the first pair that differs is marked.
    """

    pairs: tuple[Pair, ...]

    @property
    def first(self) -> Pair | None:
        """The first pair that differs by more than 1e-4; None if all are equal."""
        return next((pair for pair in self.pairs if not pair.is_equal), None)

    def __str__(self) -> str:
        rows = [("layer", "module", "shape", "difference", "")]
        for pair in self.pairs:
            mark = "← the first that differs" if pair is self.first else ""
            rows.append((pair.layer, pair.module, str(pair.shape), f"{pair.difference:.1e}", mark))
        return table(rows)


def compare(keras_model, torch_module, batch) -> Comparison:
    """Compares a functional Keras model with a PyTorch module, layer by layer, in evaluation mode.

    A layer and a module are a pair if their names have the same words: `layer1_0_conv1` and
    `layer1.0.conv1`. Of a model by `from_torch`, it is known how its layers store PyTorch's axes;
    of any other, maps are taken for channels last, where their shapes allow it.

    Args:
        keras_model: a functional model, built by `from_torch` or by hand.
        torch_module: a `torch.nn.Module`.
        batch: a tensor or an array as the module takes it, or a tuple of several.

    Returns:
        `Comparison`: a table of all pairs with max |keras − torch| / max |torch|.

    Raises:
        ValueError: if the model is not functional, the module none of PyTorch, or if they have no
            pair of layers.

    Example:

    >>> import torch
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="0")])
    >>> network = torch.nn.Sequential(torch.nn.Linear(3, 2))
    >>> from keras_dlnotes.interop import load_torch
    >>> _ = load_torch(model, network.state_dict())
    >>> compare(model, network, torch.ones(4, 3)).first is None
    True
    """
    import torch

    if not isinstance(keras_model, keras.Model) or not getattr(keras_model, "inputs", None):
        raise argument_error("keras_model", "a functional model", keras_model)
    if not isinstance(torch_module, torch.nn.Module):
        raise argument_error("torch_module", "a torch.nn.Module", torch_module)
    batches = batch if isinstance(batch, list | tuple) else (batch,)
    tensors = [torch.as_tensor(entry) for entry in batches]
    theirs = _of_modules(torch_module, tensors)
    arrays = [tensor.numpy() for tensor in tensors]
    ours = _of_layers(keras_model, arrays, theirs)
    record = getattr(keras_model, "torch_record", {}).get("outputs", {})
    pairs = []
    for layer, path, value in ours:
        found, entry = theirs[path], record.get(layer)
        value = from_stored(value, entry) if entry else _in_order(value, found)
        pairs.append(Pair(layer, path or "(the module)", found.shape, difference(value, found)))
    if not pairs:
        raise argument_error("keras_model", "with layers named as the modules", keras_model.name)
    return Comparison(tuple(pairs))


def output_differences(model: ConvertedModel, module, tensors) -> list[float]:
    """Returns how far each output of a converted model is from the module's in evaluation mode."""
    import torch

    with in_mode(module, training=False), torch.no_grad():
        expected = _leaves(module(*(tensor.clone() for tensor in tensors)))
    found = outputs_of(model, [tensor.numpy() for tensor in tensors])
    pairs = zip(found, expected, strict=False)  # auxiliary heads come last
    return [difference(ours, theirs.detach().cpu().numpy()) for ours, theirs in pairs]


def check_outputs(model: ConvertedModel, module, tensors) -> None:
    """Raises if a converted model's outputs are not the module's in evaluation mode."""
    for number, distance in enumerate(output_differences(model, module, tensors)):
        if not distance <= TOLERANCE:
            raise ValueError(
                f"Output {number} of the model differs from the module's by {distance:.1e} "
                f"of the largest:\n{compare(model, module, tensors)}"
            )


def _leaves(output) -> list:
    """The tensors that a module returned, in the order of its graph's outputs."""
    if hasattr(output, "detach"):
        return [output]
    entries = output.values() if isinstance(output, dict) else output
    return [leaf for entry in entries if entry is not None for leaf in _leaves(entry)]


@contextlib.contextmanager
def in_mode(module, training: bool) -> Iterator[None]:
    """Puts a PyTorch module into a mode, and every part back into its own."""
    modes = {part: part.training for part in module.modules()}
    module.train(training)
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Returns max |ours − theirs| / max |theirs|; NaN for arrays of different shapes."""
    if ours.shape != theirs.shape:
        return float("nan")
    largest = float(np.abs(theirs).max(initial=0)) or 1e-37
    return float(np.abs(ours - theirs).max(initial=0)) / largest


def _of_modules(module, tensors) -> dict[str, np.ndarray]:
    """What every module returns at its first call, if that is a tensor; "" is the module itself."""
    import torch

    found: dict[str, np.ndarray] = {}

    def keep(path):
        def hook(_module, _inputs, output):
            if isinstance(output, torch.Tensor) and path not in found:
                found[path] = output.detach().cpu().numpy().copy()  # may be changed in place

        return hook

    handles = [part.register_forward_hook(keep(path)) for path, part in module.named_modules()]
    try:
        with in_mode(module, training=False), torch.no_grad():
            module(*(tensor.clone() for tensor in tensors))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _of_layers(model, arrays, theirs) -> list[tuple[str, str, np.ndarray]]:
    """(layer, module, output) for each layer that has a module."""
    by_words = {words(path): path for path in theirs if path}
    named = []
    for name, node in first_nodes(model).items():
        path = by_words.get(words(name))
        if path is not None and len(node.outputs) == 1:
            named.append((name, path, node.outputs[0]))
    if "" in theirs and len(model.outputs) == 1:
        named.append(("output 0", "", model.outputs[0]))
    if not named:
        return []
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    inner = keras.Model(inputs, [tensor for _, _, tensor in named])
    operands = keras_inputs(model, arrays)
    outputs = inner(operands if len(operands) > 1 else operands[0], training=False)
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [
        (name, path, keras.ops.convert_to_numpy(output))
        for (name, path, _), output in zip(named, outputs, strict=True)
    ]


def keras_inputs(model, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """PyTorch's inputs as the Keras model takes them."""
    orders = getattr(model, "torch_record", {}).get("inputs")
    if orders is None:
        orders = []
        for tensor, array in zip(model.inputs, arrays, strict=True):
            last = [0, *range(2, array.ndim), 1]
            moved = [array.shape[axis] for axis in last]
            fits = all(n in (None, m) for n, m in zip(tensor.shape, moved, strict=True))
            orders.append(last if array.ndim > 2 and fits else list(range(array.ndim)))
    return [np.transpose(array, order) for array, order in zip(arrays, orders, strict=True)]


def _in_order(value: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A layer's output in PyTorch's order: channels last or as it is, what fits and is closer."""
    options = [value] if value.ndim < 3 else [value, np.moveaxis(value, -1, 1)]
    options = [option for option in options if option.shape == like.shape] or [value]
    return min(options, key=lambda option: _distance(option, like))


def _distance(value, like) -> float:
    return float(np.abs(value - like).sum()) if value.shape == like.shape else np.inf
