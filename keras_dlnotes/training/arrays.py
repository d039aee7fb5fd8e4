"""Converts the arrays that Keras's `fit` takes to NumPy, and batches to what Keras feeds."""

from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.ops.dtypes import is_floating

TEXTS = "OUST"  # NumPy's kinds: objects, texts of a fixed length, bytes, texts of any length
EXPECTED = "made of dense arrays of numbers or texts, an example in each row"


def as_array(name: str, value: Any) -> np.ndarray:
    """Returns an array, a tensor of any framework or a pandas table as a NumPy array.

    NumPy arrays are returned unchanged, so memory-mapped files stay on disk. As in Keras, a pandas
    `Series` becomes a column.
    """
    kind = type(value).__name__
    if not hasattr(value, "__array__"):  # sparse and ragged tensors, and other objects
        raise argument_error(name, EXPECTED, kind)
    try:
        found = _converted(value)
        if not _is_text(found):
            keras.backend.standardize_dtype(found.dtype)  # raises for dates, records, objects
    except Exception as error:  # each framework has its own
        raise argument_error(name, EXPECTED, kind, str(error)) from error
    if not found.ndim:
        raise argument_error(name, EXPECTED, kind)
    return found


def as_fed(name: str, array: np.ndarray) -> Any:
    """Returns a part of such an array as Keras feeds it: floating-point numbers as `floatx`.

    >>> as_fed("arrays", np.zeros(2)).dtype, as_fed("arrays", np.arange(2)).dtype
    (dtype('float32'), dtype('int64'))
    """
    if array.dtype.kind in TEXTS:
        return _texts_as_fed(name, array)
    floatx = keras.config.floatx()
    return array.astype(floatx, copy=False) if is_floating(array.dtype) else array


def _texts_as_fed(name: str, array: np.ndarray) -> Any:
    if keras.backend.backend() != "tensorflow":
        expected = "made of numbers: models take texts only on TensorFlow"
        raise argument_error(name, expected, f"texts on {keras.backend.backend()}")
    return keras.ops.convert_to_tensor(array.astype(object), dtype="string")


def _converted(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # of PyTorch
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value  # unknown to NumPy
    if np.ma.is_masked(value):
        raise ValueError("Entries are masked")
    is_table = hasattr(value, "iloc")
    found = value if type(value) in (np.ndarray, np.memmap) else np.asarray(value)
    if is_table and found.dtype == object and found.ndim == 2:  # of columns of several types
        columns = [np.asarray(value.iloc[:, place]) for place in range(found.shape[1])]
        if not any(column.dtype == object for column in columns):
            found = np.stack(columns, axis=1)
    if is_table and found.ndim == 1:
        found = found[:, np.newaxis]
    if not found.dtype.isnative:
        found = found.astype(found.dtype.newbyteorder("="))
    return found


def _is_text(array: np.ndarray) -> bool:
    if array.dtype == object:
        return all(isinstance(entry, str | bytes) for entry in array.flat)
    return array.dtype.kind in TEXTS
