"""Whether the outputs of a model depend on later ids, by experiment."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import layers_of
from keras_dlnotes.common.next_token import LOOKS_AHEAD, are_close, spacing

ROWS = 2
LENGTHS = (16, 8, 4, 2)  # what a model of few positions takes


def check_looks_back(
    model: keras.Model, answers: Callable, vocabulary: int, length: int | None
) -> tuple[Any, bool]:
    """Raises if outputs depend on later ids, or change from one call to the next.

    Ids are drawn at random, and the later half of them once more. The outputs of a causal model at
    the earlier half stay the same, with another later half and with none.

    Args:
        model: named by the error.
        answers: ids (rows, time) → outputs (rows, time, vocabulary); raises if the model fails.
        vocabulary: number of ids that the model reads.
        length: number of ids that it takes; None for any number.

    Returns:
        The outputs of the drawn ids, and whether padding may follow a step.
    """
    generator = np.random.default_rng(0)
    lengths = (length,) if length else LENGTHS
    for steps in lengths:
        ids = generator.integers(1, vocabulary, (ROWS, steps))
        try:
            outputs = answers(ids)
        except ValueError:
            if steps == lengths[-1]:
                raise
            continue
        if not ops.any(ops.isnan(outputs)):  # JAX's value of a lookup past a table's end
            break
    half = steps // 2
    earlier, others = ids[:, :half], generator.integers(1, vocabulary, (ROWS, steps - half))
    dtypes = {layer.compute_dtype for layer in layers_of(model)}
    unit = spacing(keras.backend.standardize_dtype(outputs.dtype), *dtypes)
    # tensors of another shape may be summed in another order
    same, similar = max(2 * unit, 1e-5), max(unit**0.5, 2e-3)

    def stay(ids, distance):
        return are_close(outputs[:, :half], answers(ids)[:, :half], distance)

    if not stay(ids, same):
        raise argument_error(
            "model", "one that always gives the same outputs for the same ids", model.name
        )
    looks_back = stay(np.concatenate([earlier, others], axis=1), same)
    if looks_back and half and len(lengths) > 1:
        looks_back = stay(earlier, similar)
    if not looks_back:
        raise argument_error("model", LOOKS_AHEAD, model.name)
    return outputs, stay(np.concatenate([earlier, 0 * others], axis=1), similar)
