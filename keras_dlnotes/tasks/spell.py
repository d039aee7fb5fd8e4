"""One to many: from the image of a digit to its English name, letter by letter."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_dlnotes import models, reports
from keras_dlnotes.common.metrics import Score
from keras_dlnotes.runs.task import Arrays, Baseline, Outcome, Picture, Splits
from keras_dlnotes.tasks import image_classification
from keras_dlnotes.tasks.digits import DIGITS
from keras_dlnotes.tasks.images import LAYOUT, augmentation, standardization

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = " " + "".join(sorted(set("".join(NAMES))))  # the space ends a name
STEPS = max(map(len, NAMES))
SPELLED = np.array([[LETTERS.index(letter) for letter in name.ljust(STEPS)] for name in NAMES])


def prepare(name: str) -> Splits:
    """Loads images of digits; the targets are their names, encoded as letter ids.

    `context["labelled"]` has the same splits, those of the task `digits`, with digits as targets.
    """
    labelled = image_classification.prepare(name)

    def spelled(arrays: Arrays) -> Arrays:
        images, labels = arrays
        return images, SPELLED[labels].astype("int32")

    return replace(
        labelled,
        training=spelled(labelled.training),
        validation=spelled(labelled.validation),
        test=spelled(labelled.test),
        context={"labelled": labelled},
    )


def build(
    splits: Splits, filters: tuple[int, ...] = (64, 128), dropout: float = 0.4, **arguments: Any
) -> keras.Model:
    """Builds a `models.one_to_many` behind convolutions that take raw pixels."""
    images, _ = splits.training
    front = [*augmentation(shift=0.1, rotation=0.05), standardization(images)]
    for count in filters:
        front.append(keras.layers.Conv2D(count, 3, padding="same", activation="relu", **LAYOUT))
        front.append(keras.layers.MaxPooling2D(**LAYOUT))
    front += [keras.layers.Flatten(**LAYOUT), keras.layers.Dropout(dropout)]
    return models.one_to_many(
        images.shape[1:], STEPS, len(LETTERS), preprocessing=front, **LAYOUT, **arguments
    )


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the shares of test images with the correct name, and of correct letters."""
    images, names = splits.test
    right = model.predict(images, verbose=0).argmax(axis=-1) == names
    return {
        "test_exact_match": float(right.all(axis=1).mean()),
        "test_letter_accuracy": float(right.mean()),
    }


def named_classes(splits: Splits) -> Baseline:
    """Scores logistic regression with a lookup of the name."""
    found = image_classification.logistic_regression(splits.context["labelled"])
    return Baseline(
        f"{found.name}, and a list of names", {"test_exact_match": found.scores["test_accuracy"]}
    )


def words(letters: np.ndarray) -> list[str]:
    """Returns the words spelled by rows of letter ids.

    >>> words(SPELLED[[7, 0]])
    ['seven', 'zero']
    """
    return ["".join(LETTERS[number] for number in row).rstrip() for row in letters]


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws test images above the predicted words: the first ones, and the wrong ones."""
    images, names = outcome.splits.test
    written = outcome.model.predict(images, verbose=0).argmax(axis=-1)
    yield Picture(
        "Images and words",
        reports.plot_captions(images, words(written)),
        "The first test images, and what the network wrote, letter after letter.",
        "Digits with English words below them.",
        "Words that begin as one name and end as another: each letter is written from the same "
        "image and from the state that the letters before it left.",
        "concepts/sequences.md#one-to-many",
    )
    wrong = np.flatnonzero((written != names).any(axis=1))
    if len(wrong):
        pairs = zip(words(written[wrong]), words(names[wrong]), strict=True)
        yield Picture(
            "Wrong words",
            reports.plot_captions(images[wrong], [f"{got}\n({true})" for got, true in pairs]),
            "Test images that the network misspelt or misread, with the true name in brackets.",
            "Digits with wrong English words below them.",
            "Whole other names, where the image was misread, against names with wrong letters.",
            "concepts/sequences.md#one-to-many",
        )


SPELL = replace(
    DIGITS,
    name="spell",
    description="A recurrent network writes the English name of a digit below its image",
    section="Types of RNN",
    see="concepts/sequences.md#kinds",
    prepare=prepare,
    build=build,
    arguments={"units": 64, "cell": "gru"},
    halving_epochs=15,
    epochs=60,
    score=score,
    scores={"test_exact_match": Score("names spelt right", direction="max")},
    primary_metric="test_exact_match",
    baseline=named_classes,
    pictures=pictures,
)
