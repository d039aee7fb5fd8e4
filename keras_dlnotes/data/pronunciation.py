"""English words and how they are spoken, as a TFDS builder."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keras_dlnotes.data.embedded import PREFIX, EmbeddedBuilder

ARCHIVE = Path(__file__).parent / "vendored" / "pronunciation" / "pronunciation.npz"
TEST_COUNT, VALIDATION_COUNT = 3000, 1500


class Pronunciation(EmbeddedBuilder):
    """30,000 words of 2 to 14 letters, no word twice, and their phonemes with a blank between.

    The 39 phonemes are ARPAbet's. A vowel's digit is its stress: 1 primary, 2 secondary, 0 none.
    """

    name = f"{PREFIX}pronunciation"
    SUPERVISED_KEYS = ("word", "phonemes")

    def features(self) -> tfds.features.FeaturesDict:
        return tfds.features.FeaturesDict(
            {"word": tfds.features.Text(), "phonemes": tfds.features.Text()}
        )

    def examples(self) -> dict[str, dict[str, Any]]:
        with np.load(ARCHIVE) as source:
            words, phonemes = source["word"], source["phonemes"]
        digests = np.array([hashlib.sha256(b"split " + word).hexdigest() for word in words])
        order = np.argsort(digests)
        test, validation, train = np.split(order, [TEST_COUNT, TEST_COUNT + VALIDATION_COUNT])
        return {
            split: {"word": words[rows], "phonemes": phonemes[rows]}
            for split, rows in (("train", train), ("validation", validation), ("test", test))
        }
