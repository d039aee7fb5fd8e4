"""Token ids, and the probabilities of the next token that a language model's outputs hold."""

from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import argument_error

LOOKS_AHEAD = "one that goes in one direction, from step to step, and never looks ahead"
_SPACING = {"bfloat16": 2**-7, "float16": 2**-10}


def token_ids(name: str, value: Any, vocabulary: int | None = None) -> np.ndarray:
    """Returns ids (batch, time) or (time,) as an array, or raises.

    Args:
        name: of the argument.
        value: what the caller passed.
        vocabulary: the number of ids; None for any number.
    """
    try:
        ids = keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else np.asarray(value)
    except (TypeError, ValueError):  # such as rows of different lengths
        ids = np.asarray(None)
    if ids.ndim not in (1, 2) or not ids.size or not np.issubdtype(ids.dtype, np.integer):
        raise argument_error(name, "integers of shape (batch, time) or (time,)", value)
    check_range(name, ids, vocabulary or 2**31)
    return ids


def check_range(name: str, ids: np.ndarray, vocabulary: int) -> None:
    """Raises if an id is outside the vocabulary."""
    outside = ids[(ids < 0) | (ids >= vocabulary)]
    if outside.size:
        raise argument_error(name, f"integers from 0 to {vocabulary - 1}", int(outside[0]))


def log_probabilities(
    outputs: Any, from_logits: bool, tokens: np.ndarray | None = None
) -> np.ndarray:
    """Returns log P in double precision, or raises if a row of the outputs is not a distribution.

    Logits, and log P itself, become log P by x − log Σ exp x; probabilities, whose sum half
    precision rounds, by log(p / Σ p).

    Args:
        outputs: (…, vocabulary).
        from_logits: whether they are logits.
        tokens: one id for each row.

    Returns:
        (…, vocabulary), or (…) with `tokens`.
    """
    values, tolerance = _numbers(outputs)
    # a logit of −∞ belongs to a token of probability 0
    valid = np.isfinite(values.max(axis=-1)) if from_logits else _sum_to_one(values, tolerance)
    if not valid.all():
        expected = "probabilities; logits need from_logits=True"
        if from_logits:
            expected = "logits or logarithms of probabilities, and never NaN or ∞"
        raise argument_error("model", f"one whose outputs are {expected}", values[~valid][0])
    chosen = values
    if tokens is not None:
        chosen = np.take_along_axis(values, tokens[..., np.newaxis], axis=-1)
    if from_logits:
        largest = values.max(axis=-1, keepdims=True)
        sums = np.exp(values - largest).sum(axis=-1, keepdims=True)
        result = chosen - largest - np.log(sums)
    else:
        with np.errstate(divide="ignore"):
            result = np.log(chosen / values.sum(axis=-1, keepdims=True))
    return result if tokens is None else result[..., 0]


def check_kind(outputs: Any, from_logits: bool) -> None:
    """Raises if rows that are called logits all look like probabilities."""
    if from_logits and _sum_to_one(*_numbers(outputs)).all():
        raise argument_error("from_logits", "False for a model of probabilities", True)


def spacing(*dtypes: str) -> float:
    """Returns the distance from 1 to the next number in the coarsest type, if it is large."""
    return max(_SPACING.get(dtype, 0) for dtype in dtypes)


def are_close(first: Any, second: Any, tolerance: float) -> bool:
    """Returns whether outputs differ by no more than `tolerance` times the largest of the first."""
    (one, _), (two, _) = _numbers(first), _numbers(second)
    largest = np.abs(one[np.isfinite(one)]).max(initial=0.0)
    return np.allclose(one, two, rtol=0, atol=tolerance * largest, equal_nan=True)


def _numbers(outputs: Any) -> tuple[np.ndarray, float]:
    """Returns outputs in double precision, and by how much their sums may differ from 1."""
    array = keras.ops.convert_to_numpy(outputs)
    if array.dtype.kind in "cOSU":
        raise argument_error("model", "one whose outputs are real numbers", array.dtype.name)
    return array.astype("float64"), 2e-2 if array.dtype.name in _SPACING else 1e-3


def _sum_to_one(values: np.ndarray, tolerance: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        is_one = np.abs(values.sum(axis=-1) - 1) <= tolerance
    return is_one & (values >= 0).all(axis=-1)
