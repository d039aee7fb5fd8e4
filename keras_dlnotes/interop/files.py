"""State dicts, from files and to them; no pickle is ever executed."""

import argparse
import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.extras import require
from keras_dlnotes.common.files import write_bytes
from keras_dlnotes.interop.buffers import State, clean

# safetensors sorts by name; this entry of its metadata keeps the order of the modules
_ORDER = "keras_dlnotes.order"
_PICKLES = (".pt", ".pth", ".bin", ".ckpt")
_SUFFIXES = ".safetensors, .pt, .pth, .bin or .ckpt"
_INSIDE = ("state_dict", "model_state_dict")  # Lightning's name, and the one of PyTorch's tutorials


def read_state(state, argument: str = "state_dict", prefix: str = "") -> State:
    """Returns the weights as arrays.

    Args:
        state: a state dict, or a path to one; or a checkpoint that has one inside.
        argument: its name in errors.
        prefix: prefix of the names of the tensors to take; it is removed.
    """
    ordered = True
    if isinstance(state, str | os.PathLike):
        path = Path(state)
        if path.suffix not in (".safetensors", *_PICKLES):
            expected = f"a state dict, or a path that ends in {_SUFFIXES}"
            raise argument_error(argument, expected, str(path))
        torch = None if path.suffix == ".safetensors" else _torch()
        if not path.is_file():
            raise FileNotFoundError(f"Argument `{argument}`: there is no file {path}.")
        if torch is None:
            state, ordered = _read_safetensors(path, argument)
        else:
            state = _read_pickle(torch, path, argument)
    if not isinstance(state, Mapping):
        raise argument_error(argument, "a mapping of names to tensors", type(state).__name__)
    inside = [name for name in _INSIDE if isinstance(state.get(name), Mapping)]
    if len(inside) == 1:
        state = state[inside[0]]
    _check_entries(state, argument)
    if prefix:
        dotted = prefix if prefix.endswith(".") else f"{prefix}."
        within = {n.removeprefix(dotted): v for n, v in state.items() if n.startswith(dotted)}
        if not within:
            first = sorted({name.partition(".")[0] for name in state})
            raise argument_error("prefix", f"one of the names' beginnings, such as {first}", prefix)
        state = within
    return clean({name: _array(name, value, argument) for name, value in state.items()}, ordered)


def check_path(path) -> Path:
    """Returns the path if tensors can be written to it."""
    if not isinstance(path, str | os.PathLike) or Path(path).suffix != ".safetensors":
        raise argument_error("path", "a path that ends in .safetensors", path)
    path = Path(path)
    if not path.parent.is_dir():
        raise argument_error("path", "in a folder that exists", str(path))
    return path


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    metadata = {"format": "pt", _ORDER: json.dumps(list(tensors))}
    write_bytes(path, _safetensors().numpy.save(tensors, metadata=metadata))


def _check_entries(state, argument) -> None:
    unnamed = [name for name in state if not isinstance(name, str)]
    if unnamed:
        raise argument_error(argument, "a mapping of names to tensors", unnamed)
    # PyTorch keeps a module's own settings beside its tensors, by this name
    strangers = [
        name
        for name, value in state.items()
        if not hasattr(value, "shape") and not name.endswith("_extra_state")
    ]
    if strangers:
        expected = "a mapping of names to tensors alone"
        hint = "The weights may be an entry of it: load the file and pass that entry."
        raise argument_error(argument, expected, strangers, hint)


def _read_safetensors(path, argument):
    safetensors = _safetensors()
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            order = (file.metadata() or {}).get(_ORDER)
            shapes = {name: file.get_slice(name).get_dtype() for name in list(file.keys())}
        tensors = _in_numpy(path, shapes)
    except safetensors.SafetensorError as error:
        raise argument_error(argument, "a whole safetensors file", str(path), str(error)) from error
    if order is None:
        return tensors, False
    try:
        names = json.loads(order)
        is_whole = sorted(names) == sorted(tensors)
    except (ValueError, TypeError):
        is_whole = False
    if not is_whole:
        expected = "a safetensors file that names all of its tensors in their order"
        raise argument_error(argument, expected, str(path))
    return {name: tensors[name] for name in names}, True


def _in_numpy(path, types):
    """Reads bfloat16, which NumPy lacks, as the upper half of a float32."""
    if "BF16" not in types.values():
        return _safetensors().numpy.load_file(path)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    numpy_types = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
    numpy_types |= {"I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
    tensors = {}
    for name, kind in types.items():
        first, last = header[name]["data_offsets"]
        data = content[8 + size + first : 8 + size + last]
        if kind == "BF16":
            array = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        elif kind in numpy_types:
            array = np.frombuffer(data, numpy_types[kind])
        else:
            raise argument_error("state_dict", "of types that NumPy has", f"{name}: {kind}")
        tensors[name] = array.reshape(header[name]["shape"])
    return tensors


def _safetensors():
    require("interop", "safetensors")
    import safetensors.numpy

    return safetensors


def _torch():
    require("torch", "torch")
    import torch

    return torch


def _read_pickle(torch, path, argument):
    # Lightning saves these beside the weights: names and values, no code
    harmless = [argparse.Namespace, type(path), PurePosixPath, PureWindowsPath]
    try:
        with torch.serialization.safe_globals(harmless):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path.name} holds more than weights, which reading would execute: it was not read. "
            "Save the state dict alone, torch.save(model.state_dict(), path); of a checkpoint that "
            "you trust, torch.save(torch.load(old, weights_only=False)['state_dict'], path)."
        ) from error
    except (EOFError, RuntimeError) as error:
        raise argument_error(
            argument, "a whole file of PyTorch's", str(path), str(error)
        ) from error


def _array(name, value, argument) -> np.ndarray:
    if hasattr(value, "detach"):
        if value.is_sparse or value.is_quantized or value.is_meta:
            kind = "quantized" if value.is_quantized else "sparse or without values"
            raise argument_error(argument, "of plain tensors", f"{name}, which is {kind}")
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()  # NumPy has no bfloat16
        value = value.numpy()
    if not hasattr(value, "shape"):
        return np.zeros(0)  # a module's settings, skipped by name
    value = np.asarray(value)
    if value.dtype.kind not in "fbiu":
        raise argument_error(argument, "of real numbers", f"{name} of type {value.dtype}")
    return value
