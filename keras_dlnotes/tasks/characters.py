"""A language model reads Python's documentation character by character, and writes on."""

import lzma
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_dlnotes import data, models, text
from keras_dlnotes.tasks.n_grams import NGramModel
from keras_dlnotes.tasks.task import (
    Arrays,
    Baseline,
    Outcome,
    Passages,
    Splits,
    Task,
    UnsuitableDataError,
)
from keras_dlnotes.training import ConsecutiveBatches

WINDOW = 64  # steps that gradients reach back; the states reach back to the start of an epoch
VALIDATION_ROWS = 16
PAGE = "\f"  # before, between and after the pages of a split
SPECIAL = "\0\N{REPLACEMENT CHARACTER}"  # padding, and whatever the training text lacks
ORDER = 5
TEMPERATURES = (0.3, 0.7, 1.0, 1.3)
SAMPLE_LENGTH = 400


def prepare(name: str) -> Splits:
    """Joins the pages of each split to one text; the target of each character is the next one.

    Training is in windows that follow each other in time, the validation text is cut into a few
    long rows, and the test text is one row. A page is in one split as a whole, and the data set
    has no paragraph on two pages.

    `context["characters"]` are the characters by their ids: those of the training text.
    """
    loaded = data.load(name)
    if any("text" not in loaded.get(split, {}) for split in ("train", "validation", "test")):
        raise UnsuitableDataError(f"Data set {name!r} isn't one of texts in three splits.")
    streams = {
        split: PAGE + "".join(page.decode() + PAGE for page in columns["text"])
        for split, columns in loaded.items()
    }
    characters = SPECIAL + "".join(sorted(set(streams["train"]) - set(SPECIAL)))
    ids = {split: encoded(stream, characters) for split, stream in streams.items()}
    return Splits(
        _rows(ids["train"], WINDOW),
        _rows(ids["validation"], (len(ids["validation"]) - 1) // VALIDATION_ROWS),
        _rows(ids["test"], len(ids["test"]) - 1),
        context={"characters": characters},
    )


def encoded(stream: str, characters: str) -> np.ndarray:
    """Returns the ids of a text's characters.

    >>> encoded("abz", SPECIAL + "ab")
    array([2, 3, 1], dtype=int32)
    """
    ids = {character: id_ for id_, character in enumerate(characters)}
    return np.array([ids.get(character, 1) for character in stream], "int32")


def decoded(ids: np.ndarray, characters: str) -> str:
    """Returns the text that ids stand for.

    >>> decoded(np.array([2, 3, 1]), SPECIAL + "ab")
    'ab�'
    """
    return "".join(characters[id_] for id_ in ids)


def _rows(ids: np.ndarray, length: int) -> Arrays:
    """Inputs and targets in rows of this length; less than a row is left out at the end."""
    count = (len(ids) - 1) // length
    inputs, targets = ids[: count * length], ids[1 : count * length + 1]
    return inputs.reshape(count, length), targets.reshape(count, length)


def _stream(arrays: Arrays) -> np.ndarray:
    """The ids that `_rows` made inputs and targets of."""
    inputs, targets = arrays
    return np.append(inputs.ravel(), targets[-1, -1])


def build(splits: Splits, **arguments: Any) -> keras.Model:
    """Builds a `models.language_model` of the characters."""
    return models.language_model(len(splits.context["characters"]), **arguments)


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the bits a character of the test text, each told from all that came before it."""
    stream = _stream(splits.test)
    return _per_character(-text.sequence_log_probability(model, stream) / np.log(2), splits)


def _per_character(bits: float, splits: Splits) -> dict[str, float]:
    return {"test_bits_per_character": float(bits / splits.test[1].size)}


def other_models(splits: Splits) -> list[Baseline]:
    """Scores an n-gram model and a compressor on the same characters of the same text.

    The compressor's bits are those by which the training text's file grows when the test text
    follows in it: it may copy from all that came before, the test text included.
    """
    characters = splits.context["characters"]
    training, test = _stream(splits.training), _stream(splits.test)
    counted = NGramModel(training, ORDER, len(characters)).probabilities(test)
    before = decoded(np.append(training, test[0]), characters)
    growth = _xz_bits(before + decoded(test[1:], characters)) - _xz_bits(before)
    found = {
        f"{ORDER}-gram model, Kneser–Ney smoothing": -np.log2(counted).sum(),
        "xz −9e, after the training text": growth,
    }
    scored = [Baseline(name, _per_character(bits, splits)) for name, bits in found.items()]
    return sorted(scored, key=lambda baseline: baseline.scores["test_bits_per_character"])


def _xz_bits(content: str) -> int:
    return 8 * len(lzma.compress(content.encode(), preset=9 | lzma.PRESET_EXTREME))


def pictures(outcome: Outcome) -> Iterator[Passages]:
    """Shows what the network writes after the beginning of a page, by temperature."""
    characters = outcome.splits.context["characters"]
    prompt = encoded(f"{PAGE}The ", characters)
    yield Passages(
        "Samples by temperature",
        {
            f"τ = {temperature}": decoded(
                models.sample(outcome.model, prompt, SAMPLE_LENGTH, temperature, seed=0)[1:],
                characters,
            ).replace(PAGE, "\n⁂\n")
            for temperature in TEMPERATURES
        },
        "What the network writes after “The ” at the beginning of a page, drawn by P(x)^(1/τ): "
        "the lower τ, the surer and the more monotonous. ⁂ ends a page.",
    )


CHARACTERS = Task(
    name="characters",
    description="A recurrent network predicts the next character of a text, and writes one",
    section="Solution: Truncated BPTT",
    data="python_documentation",
    prepare=prepare,
    build=build,
    arguments={"cell": "lstm", "units": 384, "embedding_dim": 64, "dropout": 0.25},
    loss="sparse_categorical_crossentropy",
    learning_rate=4e-3,
    halving_epochs=3,
    epochs=12,
    batch_size=16,
    patience=5,
    batches=ConsecutiveBatches,
    carry_states=True,
    score=score,
    headline="test_bits_per_character",
    baseline=other_models,
    pictures=pictures,
)
