"""Which direction of a metric is better, by its name."""

import re
from typing import Literal

from keras_dlnotes.common.checks import argument_error, choice

Direction = Literal["min", "max"]
DIRECTIONS = ("min", "max")
# Left out, since one name stands for both: `cosine_similarity`, `dice` and `tversky` are functions
# in `keras.losses`, and scores elsewhere.
LOWER = (
    "bce|cross_?entropy|ctc|divergence|error|false_(negatives|positives)|hinge|huber|log_?cosh|loss|"
    "mae|mape|mse|msle|perplexity|poisson|rmse"
)
HIGHER = (
    "acc|[a-z0-9]*accuracy|auc|correlation|dice_(coef|coefficient|score)|f1|f_?beta|f_?measure|io_?u|"
    "precision|r2|recall|sensitivity|specificity|true_(negatives|positives)"
)


def direction_of(metric: str, direction: str | None = None) -> Direction:
    """Returns "max" for a metric that is better the higher it is, as accuracy, "min" for a loss.

    Args:
        metric: name of the metric, as it is logged.
        direction: takes the place of what the name says.

    Raises:
        ValueError: where the direction is another one, or is None and the name does not tell.

    >>> direction_of("val_sparse_categorical_accuracy"), direction_of("val_loss")
    ('max', 'min')
    """
    if direction is not None:
        return choice("direction", direction, DIRECTIONS)
    words = _snake_case(metric)
    if _has_word(LOWER, words):
        return "min"
    if _has_word(HIGHER, words):
        return "max"
    expected = f"'min' or 'max', since the name {metric!r} does not say which is better"
    raise argument_error("direction", expected, None)


def _snake_case(name: str) -> str:
    """Returns words in small letters with `_` between; Keras takes "MeanIoU" for `mean_io_u`."""
    name = re.sub("([^_])([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub("([a-z])([A-Z])", r"\1_\2", name)
    return re.sub("[^a-z0-9]+", "_", name.lower())


def _has_word(words: str, name: str) -> bool:
    return re.search(f"(?<![a-z0-9])({words})(?![a-z0-9])", name) is not None
