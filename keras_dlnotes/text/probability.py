"""The probability of a sequence of tokens, by the chain rule."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_dlnotes.text.checks import argument_error, integer


def sequence_log_probability(
    model: Callable[[Any], Any], ids: Any, batch_size: int = 64
) -> np.ndarray:
    """Returns the natural logarithm of each sequence's probability, given its first token.

    log P(x_2, …, x_T | x_1) = Σ_t log P(x_t | x_{t−1}, …, x_1), the chain rule; let the first token
    be a start token, whose probability is 1, and this is log P(x_1, …, x_T).

    Divided by −T·ln 2 it is the bits a token; exp(−·/T) is the perplexity.

    Args:
        model: a language model, such as `models.language_model` builds: ids (batch, time) →
            probabilities (batch, time, vocabulary), those of the token after x_t at step t.
        ids: integers (batch, time), or (time,) for one sequence. Id 0 pads and does not count,
            before or after a sequence.
        batch_size: number of sequences that the model gets at once, ≥ 1.

    Returns:
        Floats (batch,), or one float for one sequence; each ≤ 0, and 0 for a lone token.

    Raises:
        ValueError: for ids of another shape or outside of the vocabulary, or a model whose outputs
            are no probabilities.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling".

    Example:

    A model that knows nothing gives each of 8 tokens the same probability:

    >>> uniform = lambda ids: np.full((*np.shape(ids), 8), 1 / 8)
    >>> sequence_log_probability(uniform, [[1, 5, 3, 0], [1, 2, 7, 6]]) / np.log(8)
    array([-2., -3.])
    """
    if not callable(model):
        raise argument_error("model", "a language model, or a function as it is one", model)
    array = _ids(ids)
    _check_range(array, _vocabulary_size(model))
    batch_size = integer("batch_size", batch_size, minimum=1)
    rows = np.atleast_2d(array)
    scores = [
        _log_probabilities(model, rows[start : start + batch_size])
        for start in range(0, len(rows), batch_size)
    ]
    result = np.concatenate(scores)
    return result if array.ndim == 2 else result[0]


def _ids(ids: Any) -> np.ndarray:
    expected = "integers of shape (batch, time) or (time,)"
    try:
        tensor = keras.ops.is_tensor(ids)
        array = keras.ops.convert_to_numpy(ids) if tensor else np.asarray(ids)
    except (ValueError, TypeError) as cause:  # rows of different lengths
        raise argument_error("ids", expected, ids) from cause
    if array.ndim not in (1, 2) or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise argument_error("ids", expected, ids)
    return array


def _vocabulary_size(model: Any) -> int:
    """The number of ids of a model that says its shape; of others it shows in their outputs."""
    shape = getattr(model, "output_shape", None)
    is_known = isinstance(shape, tuple) and shape and isinstance(shape[-1], int)
    return shape[-1] if is_known else np.iinfo("int32").max


def _check_range(array: np.ndarray, vocabulary_size: int) -> None:
    outside = array[(array < 0) | (array >= vocabulary_size)]
    if outside.size:
        raise argument_error("ids", f"integers from 0 to {vocabulary_size - 1}", int(outside[0]))


def _log_probabilities(model: Callable[[Any], Any], rows: np.ndarray) -> np.ndarray:
    outputs = model(keras.ops.convert_to_tensor(rows, "int32"))
    expected = f"one with outputs of shape (batch, time, vocabulary) for ids {rows.shape}"
    if isinstance(outputs, list | tuple | dict):
        raise argument_error("model", expected, outputs)
    outputs = keras.ops.convert_to_numpy(outputs)
    if outputs.ndim != 3 or outputs.shape[:2] != rows.shape or not outputs.size:
        raise argument_error("model", expected, outputs.shape)
    following = rows[:, 1:]
    counts = (following != 0) & np.maximum.accumulate(rows[:, :-1] != 0, axis=1)
    probabilities = outputs[:, :-1].astype("float64")
    # half precision is off by up to 1e-2
    if not np.allclose(probabilities.sum(axis=-1)[counts], 1, atol=0.02) or outputs.min() < 0:
        expected = "one whose outputs are probabilities"
        raise argument_error("model", expected, outputs[0, 0], "Logits need a softmax.")
    _check_range(rows, outputs.shape[-1])
    given = np.take_along_axis(probabilities, following[..., np.newaxis], axis=-1)[..., 0]
    with np.errstate(divide="ignore"):
        terms = np.log(given)
    return np.where(counts, terms, 0.0).sum(axis=1)
