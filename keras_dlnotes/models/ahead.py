"""Whether what a model says of a step depends on later ones, told by its numbers."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import layers_of

ROWS = 2
LENGTHS = (16, 8, 4, 2)  # what a model of few positions takes
# the distance from 1 to the next number, where it is a large one
UNITS = {"bfloat16": 2**-7, "float16": 2**-10}


def check_looks_back(
    model: keras.Model, answers: Callable, vocabulary: int, length: int | None
) -> tuple[Any, bool]:
    """Raises where outputs depend on later ids, or change from one call to the next.

    Ids are drawn, and the later half of them once more. A model that only looks back says the same
    of the earlier half, and so it does where there is no later one.

    Args:
        model: what the error names.
        answers: ids (rows, time) → outputs (rows, time, vocabulary); raises where it has none.
        vocabulary: number of ids that the model reads.
        length: number of ids that it takes; None for any number.

    Returns:
        The outputs of what was drawn, and whether padding may follow a step.
    """
    generator = np.random.default_rng(0)
    lengths = (length,) if length else LENGTHS
    for length in lengths:
        ids = generator.integers(1, vocabulary, (ROWS, length))
        try:
            outputs = answers(ids)
        except ValueError:
            if length == lengths[-1]:
                raise
            continue
        if not ops.any(ops.isnan(outputs)):  # what JAX has for a place that a model does not know
            break
    half = length // 2
    earlier, others = ids[:, :half], generator.integers(1, vocabulary, (ROWS, length - half))
    unit = max(UNITS.get(dtype, 0) for dtype in (_dtype(outputs), *_compute_dtypes(model)))
    # tensors of another shape may be added up in another order
    same, similar = max(2 * unit, 1e-5), max(unit**0.5, 2e-3)

    def stay(ids, distance):
        return _are_close(outputs[:, :half], answers(ids)[:, :half], distance)

    if not stay(ids, same):
        raise argument_error("model", "one that says the same of the same ids", model.name)
    looks_back = stay(np.concatenate([earlier, others], axis=1), same)
    if looks_back and half and len(lengths) > 1:
        looks_back = stay(earlier, similar)
    if not looks_back:
        expected = "one that goes in one direction, from step to step, and never looks ahead"
        raise argument_error("model", expected, model.name)
    return outputs, stay(np.concatenate([earlier, 0 * others], axis=1), similar)


def _are_close(first: Any, second: Any, distance: float) -> bool:
    first, second = (ops.convert_to_numpy(values).astype("float64") for values in (first, second))
    largest = np.abs(first[np.isfinite(first)]).max(initial=0.0)
    return np.allclose(first, second, rtol=0, atol=distance * largest, equal_nan=True)


def _compute_dtypes(model: keras.Model) -> set[str]:
    return {layer.compute_dtype for layer in layers_of(model)}


def _dtype(tensor: Any) -> str:
    return keras.backend.standardize_dtype(tensor.dtype)
