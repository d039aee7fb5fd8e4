"""Checks of the arrays and mappings that come in, worded as everywhere in the package."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def argument_error(name: str, expected: str, received: str) -> ValueError:
    """Returns the error that names an argument, what was expected and what came."""
    return ValueError(f"Argument `{name}` must be {expected}. Received: {received}")


def as_array(name: str, value: Any, shapes: Sequence[str]) -> np.ndarray:
    """Returns a non-empty float array of one of the ranks that the shapes describe.

    >>> as_array("kernel", [[1, 2]], ["(height, width)"]).shape
    (1, 2)
    """
    try:
        array = np.asarray(value, dtype="float64")
    except (TypeError, ValueError) as error:
        raise argument_error(name, "an array of numbers", repr(value)) from error
    ranks = {shape.count(",") + (not shape.endswith(",)")) for shape in shapes}
    if array.ndim not in ranks or array.size == 0:
        expected = f"a non-empty array of shape {' or '.join(shapes)}"
        raise argument_error(name, expected, f"{name}.shape={array.shape}")
    return array


def as_images(name: str, value: Any) -> np.ndarray:
    """Returns images as (count, height, width) or (count, height, width, 3), within [0, 1].

    Bytes keep their own scale, and so do fractions; anything else is stretched from its smallest to
    its largest value, over all the images together.
    """
    array = as_array(name, value, ["(count, height, width)", "(count, height, width, channels)"])
    if array.ndim == 4:
        if array.shape[-1] not in (1, 3):
            raise argument_error(name, "images of 1 or 3 channels", f"{name}.shape={array.shape}")
        array = array[..., 0] if array.shape[-1] == 1 else array
    if np.asarray(value).dtype == np.uint8:
        return array / 255
    low, high = np.nanmin(array), np.nanmax(array)
    if low >= 0 and high <= 1:
        return array
    return (array - low) / max(high - low, np.finfo(float).tiny)


def as_classes(name: str, value: Any, class_names: Sequence[str]) -> np.ndarray:
    """Returns class numbers as a one-dimensional integer array, each the index of a class name."""
    array = np.asarray(value)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        expected = "a one-dimensional array of integers"
        raise argument_error(name, expected, f"{name}.shape={array.shape}, dtype {array.dtype}")
    outside = array[(array < 0) | (array >= len(class_names))]
    if outside.size:
        expected = f"class numbers in [0, {len(class_names)}), one for each class name"
        raise argument_error(name, expected, f"{name} with {outside[0]}")
    return array


def check_same_length(**arguments: Any) -> None:
    """Raises where the arguments, given by name, are not equally long."""
    lengths = {name: len(value) for name, value in arguments.items()}
    if len(set(lengths.values())) > 1:
        names = ", ".join(f"`{name}`" for name in lengths)
        received = ", ".join(f"len({name})={length}" for name, length in lengths.items())
        raise ValueError(f"Arguments {names} must have the same length. Received: {received}")


def axes_text(entries: Sequence[Any] | None, unbounded: str) -> str:
    """Returns an entry for each axis with a × between; `unbounded` stands for None.

    >>> axes_text((3, None), "all"), axes_text((None, None), "all"), axes_text(None, "all")
    ('3 × all', 'all', 'unknown')
    """
    if entries is None:
        return "unknown"
    if all(entry is None for entry in entries):
        return unbounded if entries else "–"
    return " × ".join(unbounded if entry is None else str(entry) for entry in entries)
