"""Tensors of a state dict that are not weights of a layer, or not in the form of one.

Counters and precomputed values of a module (positions, masks, frequencies) are left out. A weight
that PyTorch keeps in pieces, by weight or spectral normalization, is put together.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from keras_dlnotes.common.checks import argument_error

# names of buffers that hold no weight, by the libraries that publish networks
_BUFFERS = re.compile(
    r"num_batches_tracked|n_averaged|total_ops|total_params|_float_tensor|_extra_state"
    r"|position_ids|token_type_ids|relative_position_index|relative_coords_table"
    r"|(?:.*_)?inv_freq|freqs_cis|(?:cos|sin)_cached|attn_mask|causal_mask|attention_mask"
    r"|masked_bias|anchors|anchor_grid|(?:base|cell)_anchors"
)
_WEIGHTS = re.compile(r"(?:weight|bias)(?:_|$)")


@dataclass(frozen=True)
class Folded:
    """A weight in pieces: the tensors' full names by their roles, and their arrays."""

    kind: str
    keys: dict[str, str]
    pieces: dict[str, np.ndarray]

    def weight(self) -> np.ndarray:
        if self.kind == "weight":
            size, direction = self.pieces["g"], self.pieces["v"]
            return direction * (size / _norm(direction, size.shape))
        matrix, u, v = (self.pieces[role] for role in "wuv")
        return matrix / _largest(matrix, u, v, self.keys["w"])

    def split(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """The pieces of another weight; those that are there stay where it is the same."""
        if np.array_equal(self.weight().astype(weight.dtype), weight):
            return {self.keys[role]: piece for role, piece in self.pieces.items()}
        if self.kind == "spectral":
            raise ValueError(
                f"{self.keys['w']} is divided by its largest singular value, and the model's "
                "weight has another one. Remove the spectral normalization of the network first."
            )
        size = _norm(weight, self.pieces["g"].shape).astype(weight.dtype)
        return {self.keys["g"]: size, self.keys["v"]: weight}


@dataclass
class State:
    """The arrays of weights, what was left out with the reason, and weights that were folded."""

    tensors: dict[str, np.ndarray]
    ordered: bool = True
    skipped: dict[str, str] = field(default_factory=dict)
    folded: dict[str, Folded] = field(default_factory=dict)


_FORMS = (
    # (kind, name of each piece, with {} for the weight's name)
    ("weight", {"g": "{}_g", "v": "{}_v"}),
    ("weight", {"g": "parametrizations.{}.original0", "v": "parametrizations.{}.original1"}),
    ("spectral", {"w": "{}_orig", "u": "{}_u", "v": "{}_v"}),
    (
        "spectral",
        {
            "w": "parametrizations.{}.original",
            "u": "parametrizations.{}.0._u",
            "v": "parametrizations.{}.0._v",
        },
    ),
)


def clean(tensors: Mapping[str, np.ndarray], ordered: bool) -> State:
    """Leaves out what is no weight, and folds what is one in pieces."""
    state = State({}, ordered)
    for key, value in tensors.items():
        name = key.rpartition(".")[2]
        if _BUFFERS.fullmatch(name):
            state.skipped[key] = "a buffer, no weight"
        elif value.dtype.kind in "biu" and not _WEIGHTS.match(name):
            state.skipped[key] = f"holds {value.dtype}, as no weight does"
        elif value.ndim > 2 and value.dtype.kind == "b":
            state.skipped[key] = "a mask, no weight"  # GPT-2's is called `bias`
    pieces: dict[str, str] = {}
    for key in tensors:
        for weight, folded in _folded(key, tensors):
            state.folded[weight] = folded
            pieces |= dict.fromkeys(folded.keys.values(), weight)
    for key, value in tensors.items():
        if key in pieces:
            weight = pieces[key]
            if weight not in state.tensors:
                state.tensors[weight] = state.folded[weight].weight().astype(value.dtype)
        elif key not in state.skipped:
            state.tensors[key] = value
    return state


def _folded(key, tensors):
    """The weight whose first piece this is, if all its pieces are there."""
    for kind, roles in _FORMS:
        before, after = next(iter(roles.values())).split("{}")
        found = re.fullmatch(rf"(.*\.|){re.escape(before)}(\w+?){re.escape(after)}", key)
        if found:
            prefix, name = found.groups()
            keys = {role: prefix + form.format(name) for role, form in roles.items()}
            if all(entry in tensors for entry in keys.values()):
                pieces = {role: tensors[entry] for role, entry in keys.items()}
                yield prefix + name, Folded(kind, keys, pieces)


def _norm(direction, shape) -> np.ndarray:
    axes = None
    if len(shape) == direction.ndim:
        axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    norms = np.sqrt(np.sum(np.square(direction, dtype=np.float64), axis=axes, keepdims=True))
    return norms.reshape(shape)


def _largest(weight, u, v, key) -> float:
    """The largest singular value uᵀWv; the outputs are axis 0 of W, or 1 if it is transposed."""
    found = []
    for axis in range(min(2, weight.ndim)):
        matrix = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1).astype(np.float64)
        if matrix.shape == (len(u), len(v)):
            image = matrix @ v
            found.append((np.linalg.norm(image / np.linalg.norm(image) - u), float(u @ image)))
    if not found:
        shapes = (weight.shape, u.shape, v.shape)
        raise argument_error("state_dict", f"with vectors that fit {key}", shapes)
    return min(found)[1]
