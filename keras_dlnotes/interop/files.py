"""State dicts, from files and to them; no pickle is ever executed."""

import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from keras_dlnotes.checks import argument_error
from keras_dlnotes.training.files import atomic_path

# safetensors sorts by name; this entry of its metadata keeps the order of the modules
_ORDER = "keras_dlnotes.order"
_PICKLES = (".pt", ".pth", ".bin")


def read_state(state) -> tuple[dict[str, np.ndarray], bool]:
    """Returns the tensors as arrays, and whether they come in the order of the modules."""
    ordered = True
    if isinstance(state, str | os.PathLike):
        path = Path(state)
        if path.suffix == ".safetensors":
            state, ordered = _read_safetensors(path)
        elif path.suffix in _PICKLES:
            state = _read_pickle(path)
        else:
            expected = "a state dict, or a path that ends in .safetensors, .pt, .pth or .bin"
            raise argument_error("state_dict", expected, str(path))
    if not isinstance(state, Mapping):
        raise argument_error("state_dict", "a mapping of names to tensors", type(state).__name__)
    strangers = [name for name, value in state.items() if not hasattr(value, "shape")]
    if strangers:
        expected = "a mapping of names to tensors alone"
        hint = "The weights may lie inside of it: load the file and pass that entry."
        raise argument_error("state_dict", expected, strangers, hint)
    return {name: _array(value) for name, value in state.items()}, ordered


def write_safetensors(path, tensors: dict[str, np.ndarray]) -> None:
    path = Path(path)
    if path.suffix != ".safetensors":
        raise argument_error("path", "a path that ends in .safetensors", str(path))
    with atomic_path(path) as partial:
        metadata = {"format": "pt", _ORDER: json.dumps(list(tensors))}
        safetensors.numpy.save_file(tensors, partial, metadata=metadata)


def _read_safetensors(path):
    with safetensors.safe_open(path, framework="numpy") as file:
        order = (file.metadata() or {}).get(_ORDER)
    tensors = safetensors.numpy.load_file(path)
    if order is None:
        return tensors, False
    return {name: tensors[name] for name in json.loads(order)}, True


def _read_pickle(path):
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"Reading {path.name} takes PyTorch: install it, or save the weights by "
            "safetensors.torch.save_file, which takes no PyTorch to read."
        ) from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path.name} holds more than weights, which reading would execute: it was not read. "
            "Save the state dict alone, torch.save(model.state_dict(), path)."
        ) from error


def _array(value) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()  # NumPy has no bfloat16
        return value.numpy()
    return np.asarray(value)
