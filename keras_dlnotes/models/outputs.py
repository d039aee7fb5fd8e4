"""What a model says of the next token, as logarithms of probabilities."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error

PROBABILITIES = "one whose outputs are probabilities; logits need from_logits=True"
LOGITS = "one whose outputs are logits, or logarithms of probabilities, and never NaN or ∞"


def log_probabilities(outputs: Any, from_logits: bool) -> np.ndarray:
    """Returns log P (…, vocabulary) in double precision, or raises where a row tells none.

    Logits, and log P itself, become log P by x − log Σ exp x; probabilities, which half precision
    rounds, by log p − log Σ p.
    """
    values = _numbers(outputs)
    # a logit of −∞ is that of a token that never comes
    right = np.isfinite(values.max(axis=-1)) if from_logits else _sums_to_one(values, outputs)
    if not right.all():
        raise argument_error("model", LOGITS if from_logits else PROBABILITIES, values[~right][0])
    if from_logits:
        values = values - values.max(axis=-1, keepdims=True)
        return values - np.log(np.exp(values).sum(axis=-1, keepdims=True))
    with np.errstate(divide="ignore"):
        return np.log(values / values.sum(axis=-1, keepdims=True))


def are_probabilities(outputs: Any) -> bool:
    """Tells whether every row could be one of probabilities."""
    return bool(_sums_to_one(_numbers(outputs), outputs).all())


def _numbers(outputs: Any) -> np.ndarray:
    array = ops.convert_to_numpy(outputs)
    if array.dtype.kind in "cOSU":
        raise argument_error("model", "one whose outputs are real numbers", array.dtype.name)
    return array.astype("float64")


def _sums_to_one(values: np.ndarray, outputs: Any) -> np.ndarray:
    half = keras.backend.standardize_dtype(outputs.dtype) in ("float16", "bfloat16")
    with np.errstate(invalid="ignore"):
        is_one = np.abs(values.sum(axis=-1) - 1) <= (2e-2 if half else 1e-3)
    return is_one & (values >= 0).all(axis=-1)


def check_kind(outputs: Any, from_logits: bool) -> None:
    """Raises where many rows of outputs are not of the kind that the caller says."""
    log_probabilities(outputs, from_logits)
    if from_logits and are_probabilities(outputs):
        raise argument_error("from_logits", "False for a model of probabilities", True)


def check_vocabularies(read: int, written: int) -> None:
    """Raises where a model tells of no token but padding, or of tokens that it cannot read."""
    if written < 2:
        raise argument_error("model", "one of two tokens or more; id 0 is padding", written)
    if read < written:
        expected = f"one whose embedding knows all of its {written} tokens"
        raise argument_error("model", expected, f"one that knows {read}")
