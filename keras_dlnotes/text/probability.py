"""The probability of a sequence of tokens, by the chain rule."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.graph import suspended_states
from keras_dlnotes.text.checks import argument_error, flag, integer

MANY = 16  # rows of logits, which do not all look like probabilities
# the distance from 1 to the next number, where it is a large one
UNITS = {"bfloat16": 2**-7, "float16": 2**-10}


def sequence_log_probability(
    model: Callable[[Any], Any], ids: Any, batch_size: int = 64, from_logits: bool = False
) -> np.ndarray:
    """Returns the natural logarithm of each sequence's probability, given its first token.

    log P(x_2, …, x_T | x_1) = Σ_t log P(x_t | x_{t−1}, …, x_1), the chain rule; let the first token
    be a start token, whose probability is 1, and this is log P(x_1, …, x_T).

    Divided by −T·ln 2 it is the bits a token; exp(−·/T) is the perplexity.

    Args:
        model: a language model, such as `models.language_model` builds: ids (batch, time) →
            probabilities (batch, time, vocabulary), those of the token after x_t at step t. It
            never looks ahead, which is tried on the first batch. A stateful one starts anew with
            each batch and keeps its states.
        ids: integers (batch, time), or (time,) for one sequence. Id 0 pads and does not count,
            before or after a sequence.
        batch_size: number of sequences that the model gets at once, ≥ 1.
        from_logits: whether the model's outputs are logits, or log P, rather than probabilities.

    Returns:
        Floats (batch,), or one float for one sequence; each ≤ 0, and 0 for a lone token.

    Raises:
        ValueError: for ids of another shape or outside of the vocabulary, a model that looks ahead,
            or one whose outputs are not what `from_logits` says.

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


def _outputs(model: Callable[[Any], Any], rows: np.ndarray) -> np.ndarray:
    outputs = model(keras.ops.convert_to_tensor(rows, "int32"))
    expected = f"one with outputs of shape (batch, time, vocabulary) for ids {rows.shape}"
    if isinstance(outputs, list | tuple | dict):
        raise argument_error("model", expected, outputs)
    outputs = keras.ops.convert_to_numpy(outputs)
    if outputs.ndim != 3 or outputs.shape[:2] != rows.shape or not outputs.size:
        raise argument_error("model", expected, outputs.shape)
    if outputs.dtype.kind in "cOSU":
        raise argument_error("model", "one whose outputs are real numbers", outputs.dtype.name)
    return outputs


def _counted(rows: np.ndarray) -> np.ndarray:
    """Tells which tokens count of those behind the first one: none is padding, before or after."""
    return (rows[:, 1:] != 0) & np.maximum.accumulate(rows[:, :-1] != 0, axis=1)


def _log_probabilities(outputs: np.ndarray, rows: np.ndarray, from_logits: bool) -> np.ndarray:
    following, counts = rows[:, 1:], _counted(rows)
    _check_range(rows, outputs.shape[-1])
    values = outputs[:, :-1][counts].astype("float64")  # (counted, vocabulary)
    tolerance = 2e-2 if outputs.dtype.name in UNITS else 1e-3
    with np.errstate(invalid="ignore"):
        likely = (np.abs(values.sum(axis=-1) - 1) <= tolerance) & (values >= 0).all(axis=-1)
        right = np.isfinite(values.max(axis=-1)) if from_logits else likely
    if not right.all():
        expected = "logits, or log P, and never NaN or ∞" if from_logits else "probabilities"
        hint = "" if from_logits else "Logits need from_logits=True."
        raise argument_error("model", f"one whose outputs are {expected}", values[~right][0], hint)
    if from_logits and len(values) >= MANY and likely.all():
        raise argument_error("from_logits", "False for a model of probabilities", True)
    given = np.take_along_axis(values, following[counts][:, np.newaxis], axis=1)[:, 0]
    if from_logits:
        largest = values.max(axis=-1)
        given = given - largest - np.log(np.exp(values - largest[:, np.newaxis]).sum(axis=-1))
    else:
        with np.errstate(divide="ignore"):
            given = np.log(given / values.sum(axis=-1))  # half precision rounds the sum
    terms = np.zeros(following.shape)
    terms[counts] = given
    return terms.sum(axis=1)


def _check_looks_back(model: Callable[[Any], Any], rows: np.ndarray, outputs: np.ndarray) -> None:
    """Raises where other ids in the later half change what is said of the earlier one."""
    known = np.unique(rows[rows != 0])
    half = rows.shape[1] // 2
    if len(known) < 2 or not half:
        return
    shifts = np.random.default_rng(0).integers(1, len(known), rows.shape)
    others = known[(np.searchsorted(known, rows) + shifts) % len(known)]
    is_earlier = np.arange(rows.shape[1]) < half
    again = _outputs(model, np.where(is_earlier | (rows == 0), rows, others))
    counts = _counted(rows)[:, :half]
    first, second = (values[:, :half][counts].astype("float64") for values in (outputs, again))
    distance = max(2 * UNITS.get(outputs.dtype.name, 0), 1e-5)
    distance *= np.abs(first[np.isfinite(first)]).max(initial=0.0)
    if not np.allclose(first, second, rtol=0, atol=distance, equal_nan=True):
        expected = "one that goes in one direction, from step to step, and never looks ahead"
        raise argument_error("model", expected, getattr(model, "name", model))
