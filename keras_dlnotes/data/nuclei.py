"""Cell nuclei under a microscope and which pixel belongs to which, as a TFDS builder."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keras_dlnotes.data.embedded import PREFIX, EmbeddedBuilder

ARCHIVE = Path(__file__).parent / "vendored" / "nuclei" / "nuclei.npz"
TILE = 64
# Whole bands of the picture, so that no pixel and few nuclei are in two splits.
ROWS = {"train": (0, 320), "validation": (320, 384), "test": (384, 512)}


class Nuclei(EmbeddedBuilder):
    """The picture's 64×64 tiles, which do not overlap, each with its place in the picture.

    `mask` numbers the nuclei; 0 is the background. A nucleus on the border of two tiles has the
    same number in both.
    """

    name = f"{PREFIX}nuclei"
    SUPERVISED_KEYS = ("image", "mask")

    def features(self) -> tfds.features.FeaturesDict:
        return tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(TILE, TILE, 1)),
                "mask": tfds.features.Image(shape=(TILE, TILE, 1)),
                "row": tfds.features.Scalar(np.int32, doc="Of the tile's first pixel."),
                "column": tfds.features.Scalar(np.int32, doc="Of the tile's first pixel."),
            }
        )

    def examples(self) -> dict[str, dict[str, Any]]:
        with np.load(ARCHIVE) as source:
            pictures = {name: source[name][..., np.newaxis] for name in ("image", "mask")}
        splits = {}
        for split, (first, end) in ROWS.items():
            places = [
                (row, column) for row in range(first, end, TILE) for column in range(0, 512, TILE)
            ]
            splits[split] = {
                name: [picture[row : row + TILE, column : column + TILE] for row, column in places]
                for name, picture in pictures.items()
            } | {"row": [row for row, _ in places], "column": [column for _, column in places]}
        return splits
