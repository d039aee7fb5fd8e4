"""Checks data that is read several times: arrays, or a finite source of batches."""

from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.training.arguments import is_real
from keras_dlnotes.training.arrays import as_array


def inputs_of(data) -> Any:
    """Returns the inputs of arrays, or a finite source that can be read several times."""
    if isinstance(data, tuple) and not data:
        raise argument_error("data", "made of (inputs, …)", data)
    inputs = data[0] if isinstance(data, tuple) else data
    is_array = hasattr(inputs, "__array__") or hasattr(inputs, "shape")
    if isinstance(inputs, list | tuple | dict) or is_array:
        return _checked_arrays(inputs)
    _check_source(inputs)
    return inputs


def _checked_arrays(inputs) -> Any:
    # sparse tensors have no `__array__`; Keras feeds them unchanged
    inputs = keras.tree.map_structure(
        lambda array: as_array("data", array) if hasattr(array, "__array__") else array, inputs
    )
    arrays = keras.tree.flatten(inputs)
    shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
    if not arrays or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        raise argument_error("data", "an array, or arrays of one length", shapes or inputs)
    if any(None in shape for shape in shapes):
        raise argument_error("data", "arrays of rows of one length", shapes)
    if not all(
        shape[0] > 0 and is_real(array) for shape, array in zip(shapes, arrays, strict=True)
    ):
        raise argument_error("data", "arrays of real numbers, at least one of them", shapes)
    return inputs


def is_rereadable(data: Any) -> bool:
    """Returns whether data, other than arrays, can be iterated over several times."""
    is_iterable = hasattr(data, "__iter__") or hasattr(data, "__getitem__")
    is_other = isinstance(data, str | bytes | tuple | list | dict) or hasattr(data, "__array__")
    return is_iterable and not is_other and not hasattr(data, "__next__")


def _check_source(data) -> None:
    if hasattr(data, "__next__"):
        raise argument_error("data", "a source that can be read several times", type(data).__name__)
    if not is_rereadable(data):
        raise argument_error("data", "what `predict` takes", data)
    cardinality = getattr(data, "cardinality", None)
    count = int(cardinality()) if callable(cardinality) else None
    if isinstance(data, keras.utils.PyDataset):
        count = -1 if data.num_batches is None else data.num_batches
    if count == -1:
        raise argument_error("data", "a source that ends", type(data).__name__)
    if count == 0:
        raise argument_error("data", "a source of at least one batch", type(data).__name__)
