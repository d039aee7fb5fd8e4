"""Checks of the arrays and mappings that come in, worded as everywhere in the package."""

from collections.abc import Mapping, Sequence, Set
from numbers import Real
from typing import Any

import keras
import numpy as np

from keras_dlnotes.reports.plain import printable


def argument_error(name: str, expected: str, received: str) -> ValueError:
    """Returns the error that names an argument, what was expected and what came."""
    message = f"Argument `{name}` must be {expected}. Received: {received}"
    return ValueError(printable(message, keep="\n\t"))


def as_array(name: str, value: Any, shapes: Sequence[str]) -> np.ndarray:
    """Returns a non-empty float array of one of the ranks that the shapes describe.

    >>> as_array("kernel", [[1, 2]], ["(height, width)"]).shape
    (1, 2)
    """
    array = as_numbers(name, value)
    ranks = {shape.count(",") + (not shape.endswith(",)")) for shape in shapes}
    if array.ndim not in ranks or array.size == 0:
        expected = f"a non-empty array of shape {' or '.join(shapes)}"
        raise argument_error(name, expected, f"{name}.shape={array.shape}")
    return array


def finite(name: str, array: np.ndarray, least: float = -np.inf, most: float = np.inf) -> None:
    """Raises unless all numbers of an array are finite and within the range."""
    wrong = array[~(np.isfinite(array) & (array >= least) & (array <= most))]
    if wrong.size:
        between = "" if (least, most) == (-np.inf, np.inf) else f" in [{least:g}, {most:g}]"
        between = f" ≥ {least:g}" if most == np.inf and least > -np.inf else between
        raise argument_error(name, f"finite numbers{between}", f"{name} with {wrong.flat[0]}")


def as_numbers(name: str, value: Any) -> np.ndarray:
    """Returns real numbers as floats; what NumPy would make a number of by force is refused."""
    array = to_array(name, value)
    if array.dtype == object:
        if not all(isinstance(entry, Real) for entry in array.flat):
            raise argument_error(name, "an array of real numbers", repr(value))
    elif array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        # bfloat16, which NumPy lacks, is of no kind that it knows
        raise argument_error(name, "an array of real numbers", f"one of {array.dtype}")
    return array.astype("float64")


def to_array(name: str, value: Any) -> np.ndarray:
    """Returns an array of the value's own type; where one of NumPy's is masked, NaN stands."""
    if isinstance(value, str | bytes | Mapping | Set):
        raise argument_error(name, "an array", repr(value))
    try:
        if keras.ops.is_tensor(value) or isinstance(value, keras.Variable):
            return keras.ops.convert_to_numpy(value)
        if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
            return value.astype("float64").filled(np.nan)
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise argument_error(name, "an array of real numbers", repr(value)) from error


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
    if to_array(name, value).dtype == np.uint8:
        return array / 255
    known = array[np.isfinite(array)]
    if not known.size:
        raise argument_error(name, "images with a finite number", "none")
    low, high = known.min(), known.max()
    if low >= 0 and high <= 1:
        return array
    return (array - low) / max(high - low, np.finfo(float).tiny)


def as_image(name: str, value: Any) -> np.ndarray:
    """Returns one image as `as_images` returns several."""
    as_array(name, value, ["(height, width)", "(height, width, channels)"])
    return as_images(name, to_array(name, value)[np.newaxis])[0]


def as_classes(name: str, value: Any, class_names: Sequence[str] | None) -> np.ndarray:
    """Returns class numbers as a one-dimensional integer array, each the index of a class name.

    Where there are no names, any number ≥ 0 will do.
    """
    array = to_array(name, value)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        expected = "a one-dimensional array of integers"
        raise argument_error(name, expected, f"{name}.shape={array.shape}, dtype {array.dtype}")
    most = np.inf if class_names is None else len(class_names)
    outside = array[(array < 0) | (array >= most)]
    if outside.size:
        expected = "class numbers ≥ 0"
        if class_names is not None:
            expected = f"class numbers in [0, {most}), one for each class name"
        raise argument_error(name, expected, f"{name} with {outside[0]}")
    return array.astype("int64")


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
