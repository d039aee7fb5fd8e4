"""Checks of data that are read several times: arrays, or a source of batches that ends."""

import inspect
from typing import Any

import keras

from keras_dlnotes.checks import argument_error
from keras_dlnotes.training.arguments import is_real


def inputs_of(data) -> Any:
    """Returns the inputs alone, of arrays or of a source that ends and can be read again."""
    if isinstance(data, tuple) and not data:
        raise argument_error("data", "made of (inputs, …)", data)
    inputs = data[0] if isinstance(data, tuple) else data
    if isinstance(inputs, list | tuple | dict) or hasattr(inputs, "shape"):
        _check_arrays(inputs)
    else:
        _check_source(inputs)
    return inputs


def _check_arrays(inputs) -> None:
    arrays = keras.tree.flatten(inputs)
    shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
    if not arrays or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        raise argument_error("data", "an array, or arrays of one length", shapes or inputs)
    if not all(map(_counts, arrays)):
        raise argument_error("data", "arrays of real numbers, at least one of them", shapes)


def _counts(array) -> bool:
    # a table of pandas has a type for each of its columns
    return array.shape[0] > 0 and (hasattr(array, "dtypes") or is_real(array))


def _check_source(data) -> None:
    if inspect.isgenerator(data) or hasattr(data, "__next__"):
        raise argument_error("data", "a source that can be read several times", type(data).__name__)
    is_source = hasattr(data, "__iter__") or hasattr(data, "__getitem__")
    if isinstance(data, str | bytes) or not is_source:
        raise argument_error("data", "what `predict` takes", data)
    cardinality = getattr(data, "cardinality", None)
    count = int(cardinality()) if callable(cardinality) else None
    if isinstance(data, keras.utils.PyDataset):
        count = -1 if data.num_batches is None else data.num_batches
    if count == -1:
        raise argument_error("data", "a source that ends", type(data).__name__)
    if count == 0:
        raise argument_error("data", "a source of at least one batch", type(data).__name__)
