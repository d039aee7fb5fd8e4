"""A tagger corrects misread characters, as in "fooEball" of the notes."""

import string
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_dlnotes import models, reports
from keras_dlnotes.common.metrics import Score
from keras_dlnotes.runs.task import Arrays, Baseline, Outcome, Picture, Splits, Task
from keras_dlnotes.tasks.loading import load_splits

LINE = 60  # characters
MISREAD = 0.15  # of the letters
COPIES = 3  # of the training lines, misread independently
LETTERS = np.frombuffer(string.ascii_letters.encode(), np.uint8)
# Similar letters: half of the misread ones become their neighbour, the rest a random letter.
ALIKE = (b"oO", b"lI", b"ij", b"ec", b"tf", b"un", b"hb", b"vy", b"gq", b"sS", b"rm", b"ad")
TAGS = 128  # ASCII


def prepare(name: str) -> Splits:
    """Cuts texts into lines; the target of each possibly misread character is the true one.

    Each page is in one split only, and test and validation lines that occur in the training text
    are left out. The network does not know which characters were misread.
    """
    loaded = load_splits(name, {"text"}, "one of texts in three splits")
    lines = {split: _lines(columns["text"]) for split, columns in loaded.items()}
    known = {line.tobytes() for line in lines["train"]}
    generator = np.random.default_rng(0)

    def misread(split: str, copies: int = 1) -> Arrays:
        true = lines[split]
        if split != "train":
            true = true[[line.tobytes() not in known for line in true]]
        true = np.concatenate([true] * copies)
        return _misread(true, generator), true.astype("int32")

    return Splits(misread("train", COPIES), misread("validation"), misread("test"))


def _lines(pages: np.ndarray) -> np.ndarray:
    text = "".join(page.decode().encode("ascii", "replace").decode() for page in pages)
    text = " ".join(text.split())  # single spaces, so that lines are full of letters
    letters = np.frombuffer(text.encode(), np.uint8)
    return letters[: len(letters) // LINE * LINE].reshape(-1, LINE)


def _misread(true: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    neighbours = np.arange(TAGS, dtype=np.uint8)
    for first, second in ALIKE:
        neighbours[first], neighbours[second] = second, first
    alike, any_letter = neighbours[true], generator.choice(LETTERS, true.shape)
    is_alike = (generator.random(true.shape) < 0.5) & (alike != true)
    is_wrong = (generator.random(true.shape) < MISREAD) & np.isin(true, LETTERS)
    return np.where(is_wrong, np.where(is_alike, alike, any_letter), true).astype("int32")


def build(splits: Splits, **arguments: Any) -> keras.Model:
    """Builds a `models.tagger` whose tags are the characters."""
    return models.tagger(TAGS, TAGS, **arguments)


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the share of misread characters restored, and the accuracy on all characters."""
    seen, true = splits.test
    return _scores(model.predict(seen, verbose=0).argmax(axis=-1), seen, true)


def _scores(found: np.ndarray, seen: np.ndarray, true: np.ndarray) -> dict[str, float]:
    return {
        "test_restored": float(np.mean((found == true)[seen != true])),
        "test_accuracy": float(np.mean(found == true)),
    }


def unigram_rules(splits: Splits) -> list[Baseline]:
    """Scores the most likely true character, for all characters and for the misread ones."""
    seen, true = splits.test
    training_seen, training_true = splits.training
    every = np.ones(training_seen.shape, bool)
    rule = _likeliest(training_seen, training_true, every)
    corrections = _likeliest(training_seen, training_true, training_seen != training_true)
    found = {
        "unigram rule with the misread positions given": np.where(
            seen == true, seen, corrections[seen]
        ),
        "unigram rule": rule[seen],
        "the scan itself": seen,
    }
    return [Baseline(name, _scores(letters, seen, true)) for name, letters in found.items()]


def _likeliest(seen: np.ndarray, true: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Returns the most frequent true character for each one seen."""
    counts = np.zeros((TAGS, TAGS), int)
    np.add.at(counts, (seen[counted], true[counted]), 1)
    return counts.argmax(axis=1)


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws test lines as scanned and as corrected by each network."""
    seen, true = (array[:8] for array in outcome.splits.test)
    for name, one in {"both directions": outcome, **outcome.variants}.items():
        found = one.model.predict(seen, verbose=0).argmax(axis=-1)
        yield Picture(
            f"Corrected lines, {name}",
            reports.plot_marked_lines(_texts(true), _texts(seen), _texts(found)),
            "Test lines as scanned, misread characters orange; below them the network's output, "
            "restored characters blue, wrong ones orange.",
            "Pairs of lines of text with coloured letters.",
            "Characters that only what follows can tell: a network that reads in both directions "
            "sees it, one that reads forwards doesn't. Orange in the lower line, above a character "
            "that was right, is damage.",
            "derivations/recurrent.md#two-directions",
        )


def _texts(letters: np.ndarray) -> list[str]:
    return [line.astype(np.uint8).tobytes().decode("ascii") for line in letters]


OCR = Task(
    name="ocr",
    description="A bidirectional network corrects misread characters, as in “fooEball”",
    section="Not Only the Past, the Future may Also Matter",
    see="derivations/recurrent.md#two-directions",
    data="python_documentation",
    prepare=prepare,
    build=build,
    arguments={"cell": "gru", "units": 96, "embedding_dim": 48, "bidirectional": True},
    variants={
        "one direction": {
            "cell": "gru",
            "units": 192,
            "embedding_dim": 48,
            "bidirectional": False,
        }
    },
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    learning_rate=5e-3,
    halving_epochs=3,
    epochs=10,
    batch_size=128,
    patience=3,
    score=score,
    scores={"test_restored": Score("misread letters restored", direction="max")},
    primary_metric="test_restored",
    baseline=unigram_rules,
    pictures=pictures,
)
