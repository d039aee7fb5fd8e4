"""Checks of the arrays that figures are drawn from."""

from collections.abc import Mapping, Sequence, Set
from numbers import Real
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error


def as_array(name: str, value: Any, shapes: Sequence[str]) -> np.ndarray:
    """Returns a non-empty float array of one of the ranks that the shapes describe.

    >>> as_array("kernel", [[1, 2]], ["(height, width)"]).shape
    (1, 2)
    """
    array = as_numbers(name, value)
    ranks = {shape.count(",") + (not shape.endswith(",)")) for shape in shapes}
    if array.ndim not in ranks or array.size == 0:
        expected = f"a non-empty array of shape {' or '.join(shapes)}"
        raise argument_error(name, expected, array.shape, part=f"{name}.shape")
    return array


def finite(name: str, array: np.ndarray, least: float = -np.inf, most: float = np.inf) -> None:
    """Raises unless all numbers of an array are finite and within the range."""
    wrong = array[~(np.isfinite(array) & (array >= least) & (array <= most))]
    if wrong.size:
        between = "" if (least, most) == (-np.inf, np.inf) else f" in [{least:g}, {most:g}]"
        between = f" ≥ {least:g}" if most == np.inf and least > -np.inf else between
        raise argument_error(
            name, f"finite numbers{between}", float(wrong.flat[0]), part="an entry"
        )


def as_numbers(name: str, value: Any) -> np.ndarray:
    """Returns real numbers as floats; what NumPy would make a number of by force is refused."""
    array = to_array(name, value)
    if array.dtype == object:
        if not all(isinstance(entry, Real) for entry in array.flat):
            raise argument_error(name, "an array of real numbers", value)
    elif array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        # bfloat16, which NumPy lacks, is of no kind that it knows
        raise argument_error(
            name, "an array of real numbers", array.dtype.name, part=f"{name}.dtype"
        )
    return array.astype("float64")


def to_array(name: str, value: Any) -> np.ndarray:
    """Returns an array of the value's own type; where one of NumPy's is masked, NaN stands."""
    if isinstance(value, str | bytes | Mapping | Set):
        raise argument_error(name, "an array", value)
    try:
        if keras.ops.is_tensor(value) or isinstance(value, keras.Variable):
            return keras.ops.convert_to_numpy(value)
        if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
            return np.ma.filled(value.astype("float64"), np.nan)
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise argument_error(name, "an array of real numbers", value) from error


def as_images(name: str, value: Any) -> np.ndarray:
    """Returns images as (count, height, width) or (count, height, width, 3), within [0, 1].

    Bytes keep their own scale, and so do fractions; anything else is stretched from its smallest to
    its largest value, over all the images together.
    """
    array = as_array(name, value, ["(count, height, width)", "(count, height, width, channels)"])
    if array.ndim == 4:
        if array.shape[-1] not in (1, 3):
            raise argument_error(
                name, "images of 1 or 3 channels", array.shape, part=f"{name}.shape"
            )
        array = array[..., 0] if array.shape[-1] == 1 else array
    if to_array(name, value).dtype == np.uint8:
        return array / 255
    known = array[np.isfinite(array)]
    if not known.size:
        raise argument_error(name, "images with a finite number", value)
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
        found = (array.shape, array.dtype.name)
        raise argument_error(name, expected, found, part="(shape, dtype)")
    most = np.inf if class_names is None else len(class_names)
    outside = array[(array < 0) | (array >= most)]
    if outside.size:
        expected = "class numbers ≥ 0"
        if class_names is not None:
            expected = f"class numbers in [0, {most}), one for each class name"
        raise argument_error(name, expected, int(outside[0]), part="an entry")
    return array.astype("int64")
