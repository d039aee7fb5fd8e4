"""What a reader calls a metric, its unit, and which direction is better."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from keras_dlnotes.common.checks import argument_error, choice
from keras_dlnotes.common.printable import rounded

Direction = Literal["min", "max"]
DIRECTIONS = ("min", "max")
# Left out, since one name stands for both: `cosine_similarity`, `dice` and `tversky` are functions
# in `keras.losses`, and scores elsewhere.
LOWER = (
    "bce|bits_per_[a-z]+|cross_?entropy|ctc|divergence|error|false_(negatives|positives)|hinge|huber|log_?cosh|loss|"
    "mae|mape|mse|msle|perplexity|poisson|rmse"
)
HIGHER = (
    "acc|[a-z0-9]*accuracy|auc|correlation|dice_(coef|coefficient|score)|exact_match|f1|f_?beta|"
    "f_?measure|io_?u|precision|psnr|r2|recall|sensitivity|specificity|ssim|"
    "true_(negatives|positives)"
)
SIGNS = {"min": 1, "max": -1}  # the better of two values is the lower one times its sign
BETTER = {"min": "lower is better", "max": "higher is better"}
CAPITALS = {name: name.upper() for name in ("auc", "mae", "mape", "mse", "msle", "psnr", "rmse")}
CAPITALS["iou"] = "IoU"


@dataclass(frozen=True)
class Score:
    """How to read a score.

    Attributes:
        words: what a reader calls it.
        unit: of its values; empty where they have none, as for a ratio.
        direction: "min" or "max", whichever is better; None where neither is.

    >>> score = Score("test MAE", "sunspots", "min")
    >>> score.with_direction, score.with_unit, score.value(12.1547)
    ('test MAE, lower is better', 'test MAE (sunspots)', '12.15 sunspots')
    """

    words: str
    unit: str = ""
    direction: Direction | None = None

    @property
    def with_direction(self) -> str:
        """Its words, and which direction is better."""
        return f"{self.words}, {BETTER[self.direction]}" if self.direction else self.words

    @property
    def with_unit(self) -> str:
        """Its words, and its unit in brackets."""
        return f"{self.words} ({self.unit})" if self.unit else self.words

    def value(self, number: float) -> str:
        """Returns a value, rounded, and the unit."""
        return f"{rounded(number)} {self.unit}".rstrip()


def score_of(name: str) -> Score:
    """Returns what the name of a score says: its words and direction, but no unit.

    >>> score_of("test_mse")
    Score(words='test MSE', unit='', direction='min')
    >>> score_of("val_reward")
    Score(words='val reward', unit='', direction=None)
    """
    words = " ".join(CAPITALS.get(word, word) for word in name.split("_"))
    try:
        return Score(words, direction=direction_of(name))
    except ValueError:
        return Score(words)


def directions(scores: Iterable[Score]) -> str:
    """Returns which direction is better, for those that have one.

    >>> directions(map(score_of, ("test_accuracy", "val_reward", "test_loss", "test_mae")))
    'Higher is better: test accuracy. Lower is better: test loss, test MAE.'
    """
    words: dict[str, list[str]] = {}
    for score in scores:
        if score.direction:
            words.setdefault(BETTER[score.direction].capitalize(), []).append(score.words)
    return " ".join(f"{better}: {', '.join(named)}." for better, named in words.items())


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
