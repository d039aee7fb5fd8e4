"""Sequence to sequence: from the letters of an English word to its phonemes."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import keras
import numpy as np

from keras_dlnotes import models, reports
from keras_dlnotes.common.metrics import Score
from keras_dlnotes.runs.task import Arrays, Baseline, Outcome, Passages, Picture, Splits, Task
from keras_dlnotes.tasks.loading import SPLITS, load_splits

LETTERS = 128  # ASCII
START, END = 1, 2  # 0 pads
FIRST_PHONEME = 3
SHOWN = 20


def prepare(name: str) -> Splits:
    """Loads words and phonemes, without the digits of stress.

    The encoder reads the letters in reverse, so that the first ones are near the decoder's start
    (Sutskever et al. 2014). The decoder's input is the target shifted right. No word is
    in two splits, and none has two pronunciations.

    `context["phonemes"]` are the phonemes from id 3 on, `context["words"]` the test words.
    """
    loaded = load_splits(name, {"word", "phonemes"}, "one of words and their phonemes")
    spoken = {split: [_plain(line) for line in loaded[split]["phonemes"]] for split in SPLITS}
    phonemes = sorted({phoneme for line in spoken["train"] for phoneme in line})
    letters = max(len(word) for split in SPLITS for word in loaded[split]["word"])
    steps = 1 + max(len(line) for split in SPLITS for line in spoken[split])
    training, validation, test = (
        _rows(loaded[split]["word"], spoken[split], phonemes, letters, steps) for split in SPLITS
    )
    words = [word.decode() for word in loaded["test"]["word"]]
    context = {"phonemes": phonemes, "words": words}
    return Splits(training, validation, test, context=context)


def _plain(line: bytes) -> list[str]:
    return [phoneme.rstrip("012") for phoneme in line.decode().split()]


def _rows(
    words: np.ndarray,
    spoken: Sequence[Sequence[str]],
    phonemes: Sequence[str],
    letters: int,
    steps: int,
) -> Arrays:
    ids = {phoneme: number for number, phoneme in enumerate(phonemes, start=FIRST_PHONEME)}
    said = [[ids[phoneme] for phoneme in line] for line in spoken]
    rows = (
        ([list(word[::-1]) for word in words], letters),
        ([[START, *line] for line in said], steps),
        ([[*line, END] for line in said], steps),
    )
    source, shifted, target = (
        keras.utils.pad_sequences(row, maxlen=length, padding="post") for row, length in rows
    )
    return (source, shifted), target


def build(splits: Splits, **arguments: Any) -> keras.Model:
    """Builds a `models.sequence_to_sequence` from letters to phonemes."""
    phonemes = len(splits.context["phonemes"]) + FIRST_PHONEME
    return models.sequence_to_sequence(LETTERS, phonemes, **arguments)


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the phoneme error rate and the share of words without error."""
    return _scores(decoded(model, splits), splits)


def decoded(model: keras.Model, splits: Splits) -> list[list[int]]:
    """Returns the phonemes of the test words by greedy decoding."""
    (source, _), target = splits.test
    return models.decode(model, source, max_length=target.shape[1])


def _truth(splits: Splits) -> list[list[int]]:
    return [[id_ for id_ in line if id_ >= FIRST_PHONEME] for line in splits.test[1].tolist()]


def _scores(found: Sequence[Sequence[int]], splits: Splits) -> dict[str, float]:
    truth = _truth(splits)
    distances = [edit_distance(*pair) for pair in zip(found, truth, strict=True)]
    return {
        "test_phoneme_error_rate": sum(distances) / sum(map(len, truth)),
        "test_words_right": float(np.mean([distance == 0 for distance in distances])),
    }


def edit_distance(found: Sequence[Any], true: Sequence[Any]) -> int:
    """Returns the number of insertions, deletions and substitutions between the sequences.

    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(true) + 1))
    for number, entry in enumerate(found, start=1):
        diagonal, row[0] = row[0], number
        for position, other in enumerate(true, start=1):
            replaced = diagonal + (entry != other)
            diagonal = row[position]
            row[position] = min(replaced, row[position] + 1, row[position - 1] + 1)
    return row[-1]


def letter_rule(splits: Splits) -> Baseline:
    """Scores the rule that maps each letter to its most common phoneme.

    Training aligns letter i of n with phoneme ⌊i·m/n⌋ of m. Repeated phonemes are merged.
    """
    (source, _), target = splits.training
    counts = np.zeros((LETTERS, target.max() + 1), int)
    for letters, line in zip(source, target, strict=True):
        letters, line = letters[letters > 0][::-1], line[line >= FIRST_PHONEME]
        places = np.arange(len(letters)) * len(line) // len(letters)
        np.add.at(counts, (letters, line[places]), 1)
    rule = counts.argmax(axis=1)
    (source, _), _ = splits.test
    words = [letters[letters > 0][::-1] for letters in source]
    found = [[int(phoneme) for phoneme, _ in groupby(rule[letters])] for letters in words]
    return Baseline("each letter's commonest phoneme", _scores(found, splits))


def pictures(outcome: Outcome) -> Iterator[Picture | Passages]:
    """Shows pronunciations of test words, and the error by word length."""
    splits = outcome.splits
    found, truth = decoded(outcome.model, splits), _truth(splits)
    phonemes = splits.context["phonemes"]

    def spoken(ids: Sequence[int]) -> str:
        return " ".join(phonemes[id_ - FIRST_PHONEME] for id_ in ids if id_ >= FIRST_PHONEME)

    examples = list(zip(splits.context["words"], found, truth, strict=False))[:SHOWN]
    yield Passages(
        "Examples",
        {
            word: spoken(one) if one == true else f"{spoken(one)}\n(true: {spoken(true)})"
            for word, one, true in examples
        },
        "The first test words, and the phonemes found by the network.",
    )
    pairs = zip(found, truth, strict=True)
    errors = [edit_distance(one, true) / max(len(true), 1) for one, true in pairs]
    letters = np.count_nonzero(splits.test[0][0], axis=1)
    yield Picture(
        "Error by length",
        reports.plot_error_by_length(letters, errors, "phoneme error rate", "letters of the word"),
        "The mean error of the test words of each length; above each bar their number.",
        "Bars of the error by the number of letters.",
        "Bars that rise with the length: the encoder passes a word on as one vector, however long "
        "it is. A bar of few words says little.",
        "concepts/sequences.md#unaligned",
    )


PRONOUNCE = Task(
    name="pronounce",
    description="An encoder and a decoder pronounce English words that they have not seen",
    section="Types of RNN",
    see="concepts/sequences.md#kinds",
    data="pronunciation",
    prepare=prepare,
    build=build,
    arguments={"cell": "gru", "units": 256, "embedding_dim": 64, "dropout": 0.2},
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    learning_rate=3e-3,
    halving_epochs=5,
    epochs=16,
    batch_size=128,
    patience=4,
    score=score,
    scores={"test_words_right": Score("words without an error", direction="max")},
    primary_metric="test_phoneme_error_rate",
    baseline=letter_rule,
    pictures=pictures,
)
