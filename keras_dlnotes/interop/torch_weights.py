"""PyTorch's weights, into Keras models and back."""

import keras
import numpy as np

from keras_dlnotes.interop.files import read_state, write_safetensors
from keras_dlnotes.interop.pairing import Module, modules_of, pair, parts_at
from keras_dlnotes.interop.parts import Part
from keras_dlnotes.interop.walk import parts_of_model


def load_torch(model, state_dict, names=None):
    """Gives a Keras model the weights of a PyTorch network.

    The model's layers, in the order of its graph, meet the state dict's modules in their order. All
    tensors are checked before the first is assigned: an error leaves the model as it was. A .pt
    file is read as weights only: nothing in it is executed.

    Kernels are transposed, gates brought into Keras's order, an LSTM's two biases added. Where
    channels-last maps are flattened, rows of the next `Dense` layer are permuted, since PyTorch
    flattens channels first. Batch normalization takes over its statistics; its settings are the
    model's: PyTorch's defaults are epsilon=1e-5 and momentum=0.9 in Keras's terms, and its running
    variance is the unbiased one.

    Args:
        model: a built Keras model, or a layer.
        state_dict: names to tensors, of PyTorch or NumPy; or a path that ends in .safetensors (no
            PyTorch needed), .pt, .pth or .bin.
        names: dict of a PyTorch prefix to the name or path of a Keras layer, or a list of them,
            for what the order does not tell; the prefix stands for all modules below it. A stacked
            recurrent module goes to a list of layers.

    Returns:
        The model.

    Raises:
        ValueError: for a missing, extra or misshapen tensor, all of them listed; for a layer that
            PyTorch cannot express, such as a GRU with reset_after=False; for a file that holds more
            than weights.
        ImportError: for a .pt file where PyTorch is not installed.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> weights = {"fc.weight": np.ones((2, 3)), "fc.bias": np.zeros(2)}
    >>> load_torch(model, weights).layers[0].kernel.shape == (3, 2)
    True
    """
    parts = parts_of_model(model)
    state, ordered = read_state(state_dict)
    shapes = {name: value.shape for name, value in state.items()}
    pairs = pair(parts, modules_of(shapes), names, ordered)
    _check(pairs)
    assignments = []
    for part, module in pairs:
        tensors = {name: state[key] for name, key in module.keys.items()}
        assignments += [(field.variable, field.weight(tensors)) for field in part.fields]
    for variable, value in assignments:
        variable.assign(np.ascontiguousarray(value))
    return model


def to_torch(model, names=None, *, like=None, path=None):
    """Returns a Keras model's weights as a PyTorch state dict.

    The inverse of `load_torch`. The one bias of an LSTM or a simple network goes to bias_ih, and
    bias_hh is 0; biases in `like` that still add up to it stay as they are there.

    Args:
        model: a built Keras model, or a layer.
        names: dict of a PyTorch prefix to the name or path of a Keras layer, or a list of them; a
            layer that it leaves out is called by its path, with dots.
        like: a state dict, or a path to one, with the names and shapes to be had; `names` then
            means the same as in `load_torch`.
        path: where to write the tensors too, a .safetensors file; None for nowhere.

    Returns:
        dict of names to tensors: of PyTorch where it is installed, else of NumPy.

    Raises:
        ValueError: for weights that PyTorch cannot express, and where `like` does not fit.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="fc")])
    >>> {name: tuple(tensor.shape) for name, tensor in to_torch(model).items()}
    {'fc.weight': (2, 3), 'fc.bias': (2,)}
    """
    parts = parts_of_model(model)
    if like is None:
        pairs = _named(parts, names or {})
    else:
        state, ordered = read_state(like)
        shapes = {name: value.shape for name, value in state.items()}
        pairs = pair(parts, modules_of(shapes), names, ordered)
        _check(pairs)
    tensors = {}
    for part, module in pairs:
        for field in part.fields:
            value = keras.ops.convert_to_numpy(keras.ops.cast(field.variable, _dtype(field)))
            found = field.tensors(value)
            if like is not None and len(found) > 1:  # one tensor alone leaves no choice
                there = {name: np.array(state[module.keys[name]], value.dtype) for name in found}
                found = there if np.array_equal(field.weight(there), value) else found
            tensors |= {module.keys[name]: tensor for name, tensor in found.items()}
    if like is not None:  # in the order of the other
        tensors = {name: tensors[name] for name in state if name in tensors}
    if path is not None:
        write_safetensors(path, tensors)
    try:
        import torch
    except ImportError:
        return tensors
    return {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}


def _dtype(field) -> str:
    return "float64" if field.variable.dtype == "float64" else "float32"


def _named(parts: list[Part], names) -> list[tuple[Part, Module]]:
    """Modules for parts, called as the names say, or else by the layers' paths."""
    called = {}
    for prefix, layers in names.items():
        listed = layers if isinstance(layers, list | tuple) else [layers]
        found = [part for name in listed for part in parts_at(parts, name)]
        for number, part in enumerate(found):
            if part.is_recurrent:
                called[id(part)] = prefix, str(number)
            else:
                called[id(part)] = prefix if len(found) == 1 else f"{prefix}.{number}", None
    paths = [part.path for part in parts]
    pairs = []
    for number, part in enumerate(parts):
        if id(part) not in called:
            prefix = part.path.replace("/", ".")
            if paths.count(part.path) > 1:
                prefix += f".{paths[:number].count(part.path)}"
            called[id(part)] = prefix, "0" if part.is_recurrent else None
        prefix, level = called[id(part)]
        keys = {name: f"{prefix}.{_leveled(name, level)}" for name in part.shapes}
        pairs.append((part, Module(prefix, level, keys, part.shapes)))
    return pairs


def _leveled(name: str, level: str | None) -> str:
    if level is None:
        return name
    base, reverse, _ = name.partition("_reverse")
    return f"{base}_l{level}{reverse}"


def _check(pairs) -> None:
    """Raises with a list of all tensors that do not fit."""
    rows = []
    for part, module in pairs:
        expected = part.shapes if part else {}
        received = module.shapes if module else {}
        layer = part.path if part else "—"
        for name in {**expected, **received}:
            key = module.keys.get(name) if module else None
            key = key or (f"{module.prefix}.{name}" if module else name)
            if name not in received:
                rows.append(("missing", key, layer, f"expected {expected[name]}"))
            elif name not in expected:
                rows.append(("extra", key, layer, f"came {received[name]}"))
            elif expected[name] != received[name]:
                shapes = f"expected {expected[name]}, came {received[name]}"
                rows.append(("misshapen", key, layer, shapes))
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
    raise ValueError(
        "These tensors do not fit, and nothing was loaded (problem, tensor, layer, shape):\n"
        + "\n".join(table)
        + "\nWhere the two networks define their layers in different orders, as with a residual "
        'block\'s shortcut, pass names, such as {"layer1.0.downsample": ["shortcut", '
        '"shortcut_bn"]}.'
    )
