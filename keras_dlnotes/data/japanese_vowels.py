"""Vowels spoken by nine men, as sequences of unequal length, as a TFDS builder."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keras_dlnotes.data.embedded import PREFIX, EmbeddedBuilder, stratified_splits

ARCHIVE = Path(__file__).parent / "vendored" / "japanese_vowels" / "japanese_vowels.npz"
TRAIN_COUNT = 270
VALIDATION_FRACTION = 1 / 6


class JapaneseVowels(EmbeddedBuilder):
    """Utterances of 7 to 29 frames with 12 coefficients each; the label is the speaker.

    The test split is the standard one, of 370 utterances. Five utterances of each speaker are
    taken from the standard 270 of the training split for validation. No frame is all zeros, so
    zeros can pad.
    """

    name = f"{PREFIX}japanese_vowels"
    SUPERVISED_KEYS = ("sequence", "label")

    def features(self) -> tfds.features.FeaturesDict:
        return tfds.features.FeaturesDict(
            {
                "sequence": tfds.features.Tensor(shape=(None, 12), dtype=np.float32),
                "label": tfds.features.ClassLabel(num_classes=9),
            }
        )

    def examples(self) -> dict[str, dict[str, Any]]:
        with np.load(ARCHIVE) as source:
            ends = np.cumsum(source["length"], dtype=int)
            sequences = np.split(source["frame"], ends[:-1])
            labels = source["speaker"]
        # an array of arrays, which NumPy must not stack
        utterances = np.empty(len(sequences), object)
        utterances[:] = sequences
        rows = stratified_splits(
            utterances[:TRAIN_COUNT], labels[:TRAIN_COUNT], validation=VALIDATION_FRACTION, test=0
        )
        rows["test"] = np.arange(TRAIN_COUNT, len(utterances))
        return {
            split: {"sequence": utterances[chosen], "label": labels[chosen]}
            for split, chosen in rows.items()
        }
