"""The probability of a sequence of tokens, by the chain rule."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import LARGEST, argument_error, flag, integer
from keras_dlnotes.common.graph import suspended_states
from keras_dlnotes.common.next_token import (
    LOOKS_AHEAD,
    are_close,
    check_kind,
    check_range,
    log_probabilities,
    spacing,
    token_ids,
)

MANY = 16  # rows of logits, which do not all look like probabilities


def sequence_log_probability(
    model: Callable[[Any], Any], ids: Any, batch_size: int = 64, from_logits: bool = False
) -> np.ndarray | np.floating:
    """Returns the natural logarithm of each sequence's probability, given its first token.

    log P(x_2, …, x_T | x_1) = Σ_t log P(x_t | x_{t−1}, …, x_1), the chain rule. With a start token,
    whose probability is 1, as the first one, this is log P(x_1, …, x_T).

    Divided by −T·ln 2 it is the number of bits per token; exp(−·/T) is the perplexity.

    Args:
        model: a language model, such as `models.language_model` builds: ids (batch, time) →
            probabilities (batch, time, vocabulary), at step t those of the token after x_t. It
            never looks ahead, which is tested on the first batch. A stateful one starts anew with
            each batch and keeps its states.
        ids: integers (batch, time), or (time,) for one sequence. Id 0 pads and does not count,
            before or after a sequence.
        batch_size: number of sequences in a call of the model, ≥ 1.
        from_logits: whether the model's outputs are logits, or log P, rather than probabilities.

    Returns:
        Floats (batch,), or one float for one sequence; each ≤ 0, and 0 for a lone token.

    Raises:
        ValueError: for ids of another shape or outside the vocabulary, a model that looks ahead, or
            outputs that are not what `from_logits` says.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling".

    Example:

    A uniform model gives each of 8 tokens the same probability:

    >>> uniform = lambda ids: np.full((*np.shape(ids), 8), 1 / 8)
    >>> sequence_log_probability(uniform, [[1, 5, 3, 0], [1, 2, 7, 6]]) / np.log(8)
    array([-2., -3.])
    """
    if not callable(model):
        raise argument_error("model", "a language model, or a function like one", model)
    array = token_ids("ids", ids, _vocabulary_size(model))
    integer("batch_size", batch_size, 1, LARGEST)
    flag("from_logits", from_logits)
    rows = np.atleast_2d(array)
    scores = []
    with suspended_states(model):
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            outputs = _outputs(model, batch)
            if start == 0:
                _check_looks_back(model, batch, outputs)
            scores.append(_log_probabilities(outputs, batch, from_logits))
    result = np.concatenate(scores)
    return result if array.ndim == 2 else result[0]


def _vocabulary_size(model: Any) -> int | None:
    """Returns the number of ids, if the model knows the shape of its outputs."""
    shape = getattr(model, "output_shape", None)
    if isinstance(shape, tuple) and shape and isinstance(shape[-1], int):
        return shape[-1]
    return None


def _outputs(model: Callable[[Any], Any], rows: np.ndarray) -> np.ndarray:
    outputs = model(keras.ops.convert_to_tensor(rows, "int32"))
    expected = f"one with outputs of shape (batch, time, vocabulary) for ids {rows.shape}"
    if isinstance(outputs, list | tuple | dict):
        raise argument_error("model", expected, outputs)
    outputs = keras.ops.convert_to_numpy(outputs)
    if outputs.ndim != 3 or outputs.shape[:2] != rows.shape or not outputs.size:
        raise argument_error("model", expected, outputs.shape)
    return outputs


def _counted(rows: np.ndarray) -> np.ndarray:
    """Returns which tokens after the first one count: no padding, before or after."""
    return (rows[:, 1:] != 0) & np.maximum.accumulate(rows[:, :-1] != 0, axis=1)


def _log_probabilities(outputs: np.ndarray, rows: np.ndarray, from_logits: bool) -> np.ndarray:
    following, counts = rows[:, 1:], _counted(rows)
    check_range("ids", rows, outputs.shape[-1])
    counted = outputs[:, :-1][counts]  # (counted, vocabulary)
    terms = np.zeros(following.shape)
    terms[counts] = log_probabilities(counted, from_logits, following[counts])
    if len(counted) >= MANY:
        check_kind(counted, from_logits)
    return terms.sum(axis=1)


def _check_looks_back(model: Callable[[Any], Any], rows: np.ndarray, outputs: np.ndarray) -> None:
    """Raises if other ids in the later half change the outputs of the earlier one."""
    known = np.unique(rows[rows != 0])
    half = rows.shape[1] // 2
    if len(known) < 2 or not half:
        return
    shifts = np.random.default_rng(0).integers(1, len(known), rows.shape)
    others = known[(np.searchsorted(known, rows) + shifts) % len(known)]
    is_earlier = np.arange(rows.shape[1]) < half
    again = _outputs(model, np.where(is_earlier | (rows == 0), rows, others))
    counts = _counted(rows)[:, :half]
    first, second = (values[:, :half][counts] for values in (outputs, again))
    if not are_close(first, second, max(2 * spacing(outputs.dtype.name), 1e-5)):
        raise argument_error("model", LOOKS_AHEAD, getattr(model, "name", model))
