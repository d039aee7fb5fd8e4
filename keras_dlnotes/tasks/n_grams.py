"""An n-gram language model: smoothed counts of the last few tokens."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class _Counts:
    """The counts of the n-grams of one length; each n-gram is encoded as one integer."""

    grams: np.ndarray  # sorted
    counts: np.ndarray
    contexts: np.ndarray  # the n-grams without their last token, sorted
    totals: np.ndarray  # of the counts, for each context
    reserved: np.ndarray  # total discount of each context
    discounts: np.ndarray  # of counts 0, 1, 2, 3 and more


class NGramModel:
    """Predicts a token from the n − 1 before it, by interpolated modified Kneser–Ney smoothing.

        P_n(x | h) = (max(c(h x) − D(c), 0) + Σ_x' D(c(h x')) · P_{n−1}(x | h′)) / Σ_x' c(h x')

    c counts how often x follows h and, for all but the longest h, after how many different tokens
    h x does; h′ is h without its first token, and P_0 is uniform. The three discounts D(1), D(2),
    D(3+) of each length are estimated from its numbers of rare n-grams.

    Args:
        ids: integers (time,) to count, in [1, vocabulary_size).
        order: n ≥ 1.
        vocabulary_size: number of ids; id 0 pads and has no probability.

    Reference:
        S. F. Chen, J. Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling",
        1998.

    Example:

    >>> model = NGramModel(np.array([1, 2] * 20), order=2, vocabulary_size=4)
    >>> (model.probabilities(np.array([1, 2, 1, 2])) > 0.8).tolist()
    [True, True, True]
    """

    def __init__(self, ids: np.ndarray, order: int, vocabulary_size: int):
        self._base = vocabulary_size
        grams, counts = np.unique(self._grams(ids, order), return_counts=True)
        self._lengths = [self._counted(grams, counts)]
        for length in range(order - 1, 0, -1):
            # continuation counts: each longer n-gram counts once
            grams, counts = np.unique(grams % self._base**length, return_counts=True)
            self._lengths.insert(0, self._counted(grams, counts))

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """Returns the probability of each token but the first, given those before it."""
        found = np.full(len(ids) - 1, 1 / (self._base - 1))
        for length, seen in enumerate(self._lengths[: len(ids)], start=1):
            first = max(length - 2, 0)  # of the tokens with n − 1 others before them
            grams = self._grams(ids, length)[length == 1 :]
            place, is_known = _look_up(seen.contexts, grams // self._base)
            gram_place, is_counted = _look_up(seen.grams, grams)
            count = np.where(is_counted, seen.counts[gram_place], 0)
            kept = np.maximum(count - seen.discounts[np.minimum(count, 3)], 0)
            shorter = found[first:]
            mixed = (kept + seen.reserved[place] * shorter) / seen.totals[place]
            found[first:] = np.where(is_known, mixed, shorter)
        return found

    def _grams(self, ids: np.ndarray, length: int) -> np.ndarray:
        """Each run of `length` tokens as the digits of a number, the last one the lowest."""
        runs = np.lib.stride_tricks.sliding_window_view(ids.astype("int64"), length)
        return runs @ self._base ** np.arange(length - 1, -1, -1, dtype="int64")

    def _counted(self, grams: np.ndarray, counts: np.ndarray) -> _Counts:
        contexts, place = np.unique(grams // self._base, return_inverse=True)
        discounts = _discounts(counts)
        taken = np.minimum(discounts[np.minimum(counts, 3)], counts)
        return _Counts(
            grams,
            counts,
            contexts,
            np.bincount(place, counts),
            np.bincount(place, taken),
            discounts,
        )


def _discounts(counts: np.ndarray) -> np.ndarray:
    """D(c) = c − (c + 1)·Y·n_{c+1}/n_c with Y = n_1/(n_1 + 2 n_2); n_c n-grams came c times."""
    _, *numbers = np.bincount(np.minimum(counts, 5), minlength=6)[:5]
    scale = numbers[0] / max(numbers[0] + 2 * numbers[1], 1)
    found = [
        count - (count + 1) * scale * numbers[count] / max(numbers[count - 1], 1)
        for count in (1, 2, 3)
    ]
    return np.clip([0, *found], 0, [0, 1, 2, 3])


def _look_up(values: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the index of each wanted number in the sorted values, and whether it is there."""
    place = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return place, values[place] == wanted
