"""Sunspot numbers, by year since 1700 and by month since 1749, as TFDS builders."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keras_dlnotes.data.embedded import PREFIX, EmbeddedBuilder

ARCHIVE = Path(__file__).parent / "vendored" / "sunspots" / "sunspots.npz"
# The last years of each split: training, validation and test follow each other in time.
LAST_YEARS = {"train": 1929, "validation": 1959, "test": 2008}


class Sunspots(EmbeddedBuilder):
    """Yearly means from 1700 to 2008, one example a year, in chronological order."""

    name = f"{PREFIX}sunspots"
    IN_ORDER = True

    def features(self) -> tfds.features.FeaturesDict:
        return tfds.features.FeaturesDict(
            {
                "sunspots": tfds.features.Scalar(np.float32),
                "year": tfds.features.Scalar(np.int32),
            }
        )

    def examples(self) -> dict[str, dict[str, Any]]:
        with np.load(ARCHIVE) as source:
            return _by_time({"sunspots": source["yearly"], "year": source["year"]})


class SunspotsMonthly(EmbeddedBuilder):
    """Monthly means from 1749 to 2008, one example a month, in chronological order."""

    name = f"{PREFIX}sunspots_monthly"
    IN_ORDER = True

    def features(self) -> tfds.features.FeaturesDict:
        return tfds.features.FeaturesDict(
            {
                "sunspots": tfds.features.Scalar(np.float32),
                "year": tfds.features.Scalar(np.int32),
                "month": tfds.features.Scalar(np.int32, doc="1 is January."),
            }
        )

    def examples(self) -> dict[str, dict[str, Any]]:
        with np.load(ARCHIVE) as source:
            means, years = source["monthly"], source["month_year"]
        return _by_time(
            {
                "sunspots": means.ravel(),
                "year": np.repeat(years, 12),
                "month": np.tile(np.arange(1, 13), len(years)),
            }
        )


def _by_time(columns: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    splits = {}
    ends = [int(np.searchsorted(columns["year"], last + 1)) for last in LAST_YEARS.values()]
    for split, start, end in zip(LAST_YEARS, [0, *ends], ends, strict=False):
        splits[split] = {name: column[start:end] for name, column in columns.items()}
    return splits
