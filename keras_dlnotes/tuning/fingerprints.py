"""Fingerprints of a search's data: the shape, type and checksum of each array."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

CHUNK = 2**24  # bytes to read at a time, also from memory-mapped files
PARTS = ("inputs", "targets", "sample weights")
Fingerprint = list[dict[str, Any]]


def fingerprint(arrays: Sequence[Any], with_content: bool = True) -> Fingerprint:
    """Returns the fingerprint of (inputs, targets, …), as JSON values.

    >>> fingerprint([np.zeros((2, 3), "float32")], with_content=False)
    [{'part': 'inputs', 'shape': [2, 3], 'dtype': 'float32'}]
    """
    found = []
    for path, value in keras.tree.flatten_with_path(tuple(arrays)):
        if value is None:
            continue
        array = np.asarray(value)
        part = PARTS[path[0]] + "".join(f"[{key!r}]" for key in path[1:])
        entry = {"part": part, "shape": list(array.shape), "dtype": str(array.dtype)}
        found.append(entry | ({"sha256": _checksum(array)} if with_content else {}))
    return found


def difference(earlier: Fingerprint, now: Fingerprint) -> str | None:
    """Describes the first difference between two fingerprints; None if they are the same.

    >>> zeros, ones = fingerprint([np.zeros(3)]), fingerprint([np.ones(3)])
    >>> difference(zeros, ones)
    'the inputs have other values'
    """
    parts = [[entry["part"] for entry in record] for record in (earlier, now)]
    if parts[0] != parts[1]:
        return f"there are {', '.join(parts[1]) or 'none'}, not {', '.join(parts[0]) or 'none'}"
    for before, after in zip(earlier, now, strict=True):
        if before["shape"] != after["shape"]:
            return f"the {after['part']} have shape {_shape(after)}, not {_shape(before)}"
        if before["dtype"] != after["dtype"]:
            return f"the {after['part']} are {after['dtype']}, not {before['dtype']}"
        if len({entry["sha256"] for entry in (before, after) if "sha256" in entry}) == 2:
            return f"the {after['part']} have other values"
    return None


def _shape(entry: dict[str, Any]) -> tuple[int, ...]:
    return tuple(entry["shape"])


def _checksum(array: np.ndarray) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(array):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(array: np.ndarray) -> Iterator[bytes | memoryview]:
    rows = max(CHUNK // max(array[:1].nbytes, 1), 1)
    for start in range(0, len(array), rows):
        part = array[start : start + rows]
        if part.dtype.kind in "OT":  # whose bytes are pointers to the texts
            for entry in part.flat:
                text = entry.encode(errors="surrogatepass") if isinstance(entry, str) else entry
                yield f"{type(entry).__name__} {len(text)} ".encode()
                yield bytes(text)
        else:
            yield np.ascontiguousarray(part).view(np.uint8).data if part.size else b""
