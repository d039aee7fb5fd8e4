"""PyTorch's weights, into Keras models and back."""

import warnings

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error, flag
from keras_dlnotes.interop.collect_groups import collect_groups
from keras_dlnotes.interop.converted import ConvertedModel, recorded_pairs
from keras_dlnotes.interop.files import check_path, read_state, write_safetensors
from keras_dlnotes.interop.loading import check, plan
from keras_dlnotes.interop.matching import Pairing
from keras_dlnotes.interop.modules import Module, modules_of
from keras_dlnotes.interop.names_argument import Name, check_layouts, entries_at, read_names
from keras_dlnotes.interop.weight_groups import WeightGroup


def load_torch(model, state_dict, names=None, *, prefix="", strict=True, report=None):
    """Loads the weights of a PyTorch network into a Keras model.

    Layers and modules are matched by name, except for `.`, `_` and `/`, with or without a prefix
    such as "model."; names that Keras generated do not count. The others are matched in order, if
    exactly one pairing fits: PyTorch code defines modules in an order in which they could be
    called, with parallel branches in either order. If several pairings fit, the error lists the
    modules that `names` must give. All tensors are checked before the first is assigned: an error
    leaves the model unchanged. No code in a file is executed.

    Kernels are transposed, gates reordered, an LSTM's two biases added, weights in pieces (weight
    or spectral normalization) put together. PyTorch flattens feature maps channels first: the graph
    is traced from where maps are flattened, or features are reshaped to maps, to the layers whose
    rows or columns must be permuted; an error names those that cannot be traced. Buffers without
    weights are skipped, and a warning names them, except the counts of batches. Batch normalization
    takes the running statistics and keeps the model's settings: PyTorch's defaults are epsilon=1e-5
    and momentum=0.9 in Keras's terms, and its running variance is unbiased.

    Of a model by `from_torch`, all this is known; tensors are matched by their full names.

    Args:
        model: a built Keras model, or a layer.
        state_dict: names to tensors, of PyTorch or NumPy; or a path that ends in .safetensors (no
            PyTorch needed), .pt, .pth, .bin or .ckpt; or a checkpoint with an entry "state_dict".
        names: dict of a PyTorch prefix to the name or path of a Keras layer, or a list of them; the
            prefix includes all modules below it. A stacked recurrent module needs a list of layers.
            A dict {layer: shape} also gives the shape (…, channels) of the channels-last maps that
            the layer's input features are, flattened, or None if they are ordered as in PyTorch;
            {"inputs": shape, "outputs": shape} does so for both sides.
        prefix: load only tensors whose names begin with it, such as "model" of a Lightning
            checkpoint that holds more than the model.
        strict: whether every tensor must fit. With False, tensors that fit are loaded, and a
            warning names the others.
        report: a function that takes a `LoadReport`, the outcome for each tensor, such as print;
            then there is no warning.

    Returns:
        The model.

    Raises:
        ValueError: for an invalid argument; for missing, extra or misshapen tensors, all of them
            listed; for ambiguous pairs or features; for a layer that PyTorch cannot express, such
            as a GRU with reset_after=False; for a file that holds more than weights.
        FileNotFoundError: for a path without a file.
        ImportError: for a .pt file where PyTorch is not installed.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> weights = {"fc.weight": np.ones((2, 3)), "fc.bias": np.zeros(2)}
    >>> load_torch(model, weights).layers[0].kernel.shape == (3, 2)
    True
    """
    _check_model(model)
    flag("strict", strict)
    _check_prefix(prefix)
    if report is not None and not callable(report):
        raise argument_error("report", "a function of a LoadReport, or None", report)
    entries = read_names(names)
    weights = read_state(state_dict, prefix=prefix)
    pairs = _pairs(model, weights, entries, strict)
    if strict:
        check(pairs)
    check_layouts(pairs)
    assignments, done = plan(pairs, weights)
    if not assignments and not strict:
        raise argument_error("state_dict", "of tensors that fit the model", sorted(weights.tensors))
    for variable, value in assignments:
        variable.assign(value)
    if report is not None:
        report(done)
    elif done.summary():
        warnings.warn(f"load_torch: {done.summary()}.", stacklevel=2)
    return model


def to_torch(model, names=None, *, like=None, path=None):
    """Returns a Keras model's weights as a PyTorch state dict.

    The inverse of `load_torch`. The one bias of an LSTM or a simple recurrent network becomes
    bias_ih, and bias_hh is 0; biases in `like` that still add up to it are kept, and so are the
    pieces of a weight in pieces.

    Args:
        model: a built Keras model, or a layer.
        names: dict of a PyTorch prefix to a layer, layers, or shapes, as in `load_torch`; other
            layers get their path as the prefix, with dots. Of a model by `from_torch`, the names
            are PyTorch's own.
        like: a state dict, or a path to one, with the names and shapes to use; `names` then
            means the same as in `load_torch`. Buffers without weights are left out.
        path: a .safetensors file to write the tensors to; None for no file.

    Returns:
        dict of names to tensors: of PyTorch where it is installed, else of NumPy.

    Raises:
        ValueError: for an invalid argument, for weights that PyTorch cannot express, or if `like`
            does not fit.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="fc")])
    >>> {name: tuple(tensor.shape) for name, tensor in to_torch(model).items()}
    {'fc.weight': (2, 3), 'fc.bias': (2,)}
    """
    _check_model(model)
    entries = read_names(names)
    target = None if path is None else check_path(path)
    template = None if like is None else read_state(like, "like")
    if template is not None:
        pairs = _pairs(model, template, entries, strict=True)
        check(pairs)
    elif isinstance(model, ConvertedModel) and not entries:
        pairs = recorded_pairs(model)
    else:
        pairs = _named(collect_groups(model, entries)[0], entries)
    check_layouts(pairs)
    tensors = {}
    for group, module in pairs:
        for mapping in group.mappings:
            values = [_value(variable) for variable in mapping.variables]
            found = mapping.tensors(values)
            if template is not None:
                found = _as_there(mapping, values, found, module, template)
            tensors |= {module.keys[name]: tensor for name, tensor in found.items()}
    if template is not None:
        tensors = _in_pieces(tensors, template)
    if target is not None:
        write_safetensors(target, tensors)
    try:
        import torch
    except ImportError:
        return tensors
    return {name: torch.from_numpy(np.array(t, order="C")) for name, t in tensors.items()}


def _check_model(model) -> None:
    if not isinstance(model, keras.Layer):
        raise argument_error("model", "a Keras model or layer", model)
    if not model.built:
        hint = "It has no weights yet: call it once, or build it."
        raise argument_error("model", "built", model.name, hint)


def _check_prefix(prefix) -> None:
    if not isinstance(prefix, str):
        raise argument_error("prefix", "the beginning of tensors' names", prefix)


def _pairs(model, weights, names, strict):
    """Pairs of a group of weights and the module that has them; None stands for one that lacks."""
    shapes = {name: value.shape for name, value in weights.tensors.items()}
    if isinstance(model, ConvertedModel) and not names:
        pairs, used = [], set()
        for group, module in recorded_pairs(model):
            there = {name: key for name, key in module.keys.items() if key in shapes}
            of_tensors = {name: shapes[key] for name, key in there.items()}
            found = Module(module.prefix, module.level, there, of_tensors) if there else None
            pairs.append((group, found))
            used.update(there.values())
        more = [key for key in shapes if key not in used]
        return pairs + [(None, Module(key, None, {key: key}, {key: shapes[key]})) for key in more]
    groups, layouts = collect_groups(model, names)
    return Pairing(layouts, weights.ordered, strict)(groups, modules_of(shapes), names)


def _value(variable) -> np.ndarray:
    dtype = "float64" if variable.dtype == "float64" else "float32"
    return keras.ops.convert_to_numpy(keras.ops.cast(variable, dtype))


def _as_there(mapping, values, found, module, template):
    """Keeps the template's tensors for one weight if they still add up to it."""
    if len(mapping.shapes) == 1 or len(mapping.variables) > 1:
        return found
    there = {n: np.array(template.tensors[module.keys[n]], values[0].dtype) for n in found}
    return there if np.array_equal(mapping.weights(there)[0], values[0]) else found


def _in_pieces(tensors, template) -> dict[str, np.ndarray]:
    """Returns the tensors in the order of the template, and in its pieces."""
    ordered: dict[str, np.ndarray] = {}
    for name in template.tensors:
        if name in template.folded:
            ordered |= template.folded[name].split(tensors[name])
        elif name in tensors:
            ordered[name] = tensors[name]
    return ordered


def _named(groups: list[WeightGroup], names: list[Name]) -> list[tuple[WeightGroup, Module]]:
    """Pairs each group with a module, named by `names` or by the layer's path."""
    called: dict[int, tuple[str, str | None]] = {}
    for name in names:
        found = [group for layer in name.layers for group in entries_at(groups, layer)]
        for number, group in enumerate(found):
            if group.is_recurrent:
                called[id(group)] = name.prefix, str(number)
            else:
                several = len(found) > 1
                called[id(group)] = f"{name.prefix}.{number}" if several else name.prefix, None
    paths = [group.path for group in groups]
    pairs = []
    for group in groups:
        if id(group) not in called:
            prefix = group.path.replace("/", ".")
            if paths.count(group.path) > 1:
                prefix += f".{group.number}"
            called[id(group)] = prefix, "0" if group.is_recurrent else None
        prefix, level = called[id(group)]
        keys = {name: f"{prefix}.{_leveled(name, level)}" for name in group.shapes}
        pairs.append((group, Module(prefix, level, keys, group.shapes)))
    return pairs


def _leveled(name: str, level: str | None) -> str:
    if level is None:
        return name
    base, reverse, _ = name.partition("_reverse")
    return f"{base}_l{level}{reverse}"
