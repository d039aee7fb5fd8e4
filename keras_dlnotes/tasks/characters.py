"""A character-level language model of Python's documentation."""

import lzma
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_dlnotes import models, reports, text
from keras_dlnotes.runs import ConsecutiveBatches
from keras_dlnotes.runs.task import Arrays, Baseline, Outcome, Passages, Picture, Splits, Task
from keras_dlnotes.tasks.loading import load_splits
from keras_dlnotes.tasks.n_grams import NGramModel

WINDOW = 64  # steps for gradients; states are carried from the start of an epoch
VALIDATION_ROWS = 16
PAGE = "\f"  # before, between and after the pages of a split
SPECIAL = "\0\N{REPLACEMENT CHARACTER}"  # padding, and characters that the training text lacks
ORDER = 5
TEMPERATURES = (0.3, 0.7, 1.2)
SAMPLE_LENGTH = 200
SHOWN = 600  # characters of the test text


def prepare(name: str) -> Splits:
    """Concatenates the pages of each split; the target of each character is the next one.

    The training text is cut into consecutive windows, the validation text into a few long rows, and
    the test text is one row. Each page is in one split only, and no paragraph is on two pages.

    `context["characters"]` are the characters by their ids: those of the training text.
    """
    loaded = load_splits(name, {"text"}, "one of texts in three splits")
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
    """Returns the ids of the characters of a text.

    >>> encoded("abz", SPECIAL + "ab")
    array([2, 3, 1], dtype=int32)
    """
    ids = {character: id_ for id_, character in enumerate(characters)}
    return np.array([ids.get(character, 1) for character in stream], "int32")


def decoded(ids: np.ndarray, characters: str) -> str:
    """Returns the text of these ids.

    >>> decoded(np.array([2, 3, 1]), SPECIAL + "ab")
    'ab�'
    """
    return "".join(characters[id_] for id_ in ids)


def _rows(ids: np.ndarray, length: int) -> Arrays:
    """Returns inputs and targets in rows of this length; an incomplete last row is dropped."""
    count = (len(ids) - 1) // length
    inputs, targets = ids[: count * length], ids[1 : count * length + 1]
    return inputs.reshape(count, length), targets.reshape(count, length)


def _stream(arrays: Arrays) -> np.ndarray:
    """Inverts `_rows`."""
    inputs, targets = arrays
    return np.append(inputs.ravel(), targets[-1, -1])


def join(splits: Splits) -> Arrays:
    """Returns windows of the training text, followed by the validation text."""
    training, validation = _stream(splits.training), _stream(splits.validation)
    return _rows(np.append(training, validation), WINDOW)


def build(splits: Splits, **arguments: Any) -> keras.Model:
    """Builds a `models.language_model` of the characters."""
    return models.language_model(len(splits.context["characters"]), **arguments)


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the bits per character of the test text, each predicted from all before it."""
    stream = _stream(splits.test)
    return _per_character(-text.sequence_log_probability(model, stream) / np.log(2), splits)


def _per_character(bits: float, splits: Splits) -> dict[str, float]:
    return {"test_bits_per_character": float(bits / splits.test[1].size)}


def _n_gram_model(splits: Splits) -> NGramModel:
    return NGramModel(_stream(splits.training), ORDER, len(splits.context["characters"]))


def other_models(splits: Splits) -> list[Baseline]:
    """Scores an n-gram model and a compressor on the same characters of the same text.

    The compressor's bits are the growth of the training text's file when the test text is appended:
    it may refer to everything before, including earlier test text.
    """
    characters = splits.context["characters"]
    training, test = _stream(splits.training), _stream(splits.test)
    counted = _n_gram_model(splits).probabilities(test)
    before = decoded(np.append(training, test[0]), characters)
    growth = _xz_bits(before + decoded(test[1:], characters)) - _xz_bits(before)
    found = {
        f"{ORDER}-gram model, Kneser–Ney smoothing": -np.log2(counted).sum(),
        "xz -9e, after the training text": growth,
    }
    scored = [Baseline(name, _per_character(bits, splits)) for name, bits in found.items()]
    return sorted(scored, key=lambda baseline: baseline.scores["test_bits_per_character"])


def _xz_bits(content: str) -> int:
    return 8 * len(lzma.compress(content.encode(), preset=9 | lzma.PRESET_EXTREME))


def pictures(outcome: Outcome) -> Iterator[Picture | Passages]:
    """Shows samples by temperature, and the surprise at each character of the test text."""
    splits = outcome.splits
    characters = splits.context["characters"]
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
        "Continuations of “The ” at the beginning of a page, sampled from P(x)^(1/τ): the lower τ, "
        "the safer and the more repetitive. ⁂ ends a page.",
    )
    ids = _stream(splits.test)[: SHOWN + 1]
    probabilities = outcome.model.predict(ids[np.newaxis, :-1], verbose=0)[0]
    found = {
        "this network": probabilities[np.arange(SHOWN), ids[1:]],
        f"{ORDER}-gram model": _n_gram_model(splits).probabilities(ids),
    }
    yield Picture(
        "Surprise",
        reports.plot_shaded_text(
            decoded(ids[1:], characters),
            {name: -np.log2(values) for name, values in found.items()},
            "bits",
            limit=8,
        ),
        "The beginning of the test text. The darker a character, the more surprising: its bits "
        "are −log2 of its probability, given all before it.",
        "A text on a grid with shaded characters, once for each model.",
        "Words that are dark at the beginning and pale from then on: once begun, they can be "
        "guessed. Where this network is the paler one, it may remember more than the "
        f"{ORDER - 1} characters that the {ORDER}-gram model sees.",
        "derivations/tokens.md#the-hidden-state-model",
    )


CHARACTERS = Task(
    name="characters",
    description="A recurrent network predicts the next character of a text, and writes one",
    section="Solution: Truncated BPTT",
    see="derivations/recurrent.md#the-truncated-sum",
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
    join=join,
    score=score,
    primary_metric="test_bits_per_character",
    baseline=other_models,
    pictures=pictures,
)
