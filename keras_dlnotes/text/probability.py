"""The probability of a sequence of tokens, by the chain rule."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_dlnotes.text.checks import argument_error, is_integer


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
        ValueError: for ids of another shape, or a model whose outputs are no probabilities.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling".

    Example:

    A model that knows nothing gives each of 8 tokens the same probability:

    >>> uniform = lambda ids: np.full((*np.shape(ids), 8), 1 / 8)
    >>> sequence_log_probability(uniform, [[1, 5, 3, 0], [1, 2, 7, 6]]) / np.log(8)
    array([-2., -3.])
    """
    array = np.asarray(ids)
    if array.ndim not in (1, 2) or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise argument_error("ids", "integers of shape (batch, time) or (time,)", ids)
    if not is_integer(batch_size) or batch_size < 1:
        raise argument_error("batch_size", "an integer ≥ 1", batch_size)
    rows = np.atleast_2d(array)
    scores = [
        _log_probabilities(model, rows[start : start + batch_size])
        for start in range(0, len(rows), batch_size)
    ]
    result = np.concatenate(scores)
    return result if array.ndim == 2 else result[0]


def _log_probabilities(model: Callable[[Any], Any], rows: np.ndarray) -> np.ndarray:
    if rows.min() < 0:
        raise argument_error("ids", "integers ≥ 0", rows)
    outputs = keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(rows, "int32")))
    if outputs.ndim != 3 or outputs.shape[:2] != rows.shape:
        expected = f"one with outputs of shape (batch, time, vocabulary) for ids {rows.shape}"
        raise argument_error("model", expected, outputs.shape)
    following = rows[:, 1:]
    counts = (following != 0) & np.maximum.accumulate(rows[:, :-1] != 0, axis=1)
    probabilities = outputs[:, :-1].astype("float64")
    # half precision is off by up to 1e-2
    if not np.allclose(probabilities.sum(axis=-1)[counts], 1, atol=0.02) or outputs.min() < 0:
        expected = "one whose outputs are probabilities"
        raise argument_error("model", expected, outputs[0, 0], "Logits need a softmax.")
    if rows.max() >= outputs.shape[-1]:
        raise argument_error("ids", f"integers from 0 to {outputs.shape[-1] - 1}", rows)
    given = np.take_along_axis(probabilities, following[..., np.newaxis], axis=-1)[..., 0]
    with np.errstate(divide="ignore"):
        terms = np.log(given)
    return np.where(counts, terms, 0.0).sum(axis=1)
