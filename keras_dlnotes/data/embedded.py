"""The base of the builders of all embedded data sets: from cards and arrays to TFDS records."""

import abc
import contextlib
import hashlib
import io
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from keras_dlnotes.data.cards import card

# A TFRECORD file holds 16 bytes of lengths and checksums around each record.
RECORD_OVERHEAD = 16
# On disk and in TFDS's registry the names are prefixed: others may have a "digits" of their own.
PREFIX = "dlnotes_"


def find(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    """Returns the builder of an embedded data set, which may not be prepared yet."""
    return card(name).builder_class()(data_dir=data_dir)


def prepare(builder: tfds.core.DatasetBuilder) -> tfds.core.DatasetBuilder:
    """Writes the records, silently and without network access.

    Remains of an interrupted preparation or copy are removed first: the folder is this
    package's own, and the caller sees to it that no other process is writing there.
    """
    path = builder.data_path
    for leftover in (*path.parent.glob(f"incomplete.*_{path.name}"), path):
        if leftover.exists():
            leftover.rmtree()
    fresh = type(builder)(data_dir=builder.data_dir_root)
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        try:
            fresh.download_and_prepare(download_config=config, file_format="tfrecord")
        except RuntimeError as error:
            # TFDS raises this when TensorFlow reports a full disk.
            import tensorflow as tf

            if isinstance(error.__cause__, tf.errors.OpError):
                raise OSError(error) from error
            raise
    return fresh


# TFDS, which the checker does not read, takes `skip_registration`
class EmbeddedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A data set whose source ships with a package, so that preparing it needs no network.

    A subclass sets `name` to the prefix and its card's name, says its features, and hands out
    its examples; `VERSION` grows whenever the prepared records change.

    `SUPERVISED_KEYS` name the input and the target, if there are such. `IN_ORDER` keeps the order
    of the examples where it matters, as in time; otherwise the records are shuffled once.
    """

    VERSION = tfds.core.Version("1.0.0")
    SUPERVISED_KEYS: ClassVar[tuple[str, str] | None] = None
    IN_ORDER: ClassVar[bool] = False

    @abc.abstractmethod
    def features(self) -> tfds.features.FeaturesDict:
        """Returns what one example holds."""

    @abc.abstractmethod
    def examples(self) -> Mapping[str, Mapping[str, Any]]:
        """Returns split → feature → one value for each example."""

    def is_prepared(self) -> bool:
        """Returns whether all records are there: an interrupted copy may leave short files."""
        return super().is_prepared() and all(
            sum(path.stat().length if path.exists() else 0 for path in split.filepaths)
            == split.num_bytes + RECORD_OVERHEAD * split.num_examples
            for split in self.info.splits.values()
        )

    def _info(self) -> tfds.core.DatasetInfo:
        facts = card(self.name.removeprefix(PREFIX))
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{facts.title}. Source: {facts.source}.",
            license=facts.licence,
            features=self.features(),
            supervised_keys=self.SUPERVISED_KEYS,
            disable_shuffling=self.IN_ORDER,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {
            split: self._generate_examples(columns) for split, columns in self.examples().items()
        }

    def _generate_examples(
        self, columns: Mapping[str, Any]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        # TFDS shuffles by a hash of the key, the same everywhere: no slice is sorted by class.
        for key, values in enumerate(zip(*columns.values(), strict=True)):
            yield key, dict(zip(columns, values, strict=True))


class LabelledImages(EmbeddedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Images of one shape, each of one class, cut into splits class by class."""

    SUPERVISED_KEYS = ("image", "label")
    IMAGE_SHAPE: ClassVar[tuple[int, int, int]]
    CLASS_COUNT: ClassVar[int]
    VALIDATION_FRACTION: ClassVar[float]
    TEST_FRACTION: ClassVar[float]

    @abc.abstractmethod
    def images_and_labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns uint8 images (count, height, width, channels) and labels (count,)."""

    def features(self) -> tfds.features.FeaturesDict:
        return tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=self.IMAGE_SHAPE),
                "label": tfds.features.ClassLabel(num_classes=self.CLASS_COUNT),
            }
        )

    def examples(self) -> dict[str, dict[str, np.ndarray]]:
        images, labels = self.images_and_labels()
        splits = stratified_splits(images, labels, self.VALIDATION_FRACTION, self.TEST_FRACTION)
        return {
            split: {"image": images[rows], "label": labels[rows]} for split, rows in splits.items()
        }


def stratified_splits(
    examples: np.ndarray, labels: np.ndarray, validation: float, test: float
) -> dict[str, np.ndarray]:
    """Returns the rows of each split, with the same part of every class.

    A class is ordered by the SHA-256 of its examples and cut. So the splits depend on nothing
    but the examples, neither on their order in the source nor on a random generator whose
    stream another version of NumPy may change.

    Args:
        examples: One row an example.
        labels: (count,), the class of each.
        validation: The part of each class that is for validation, in [0, 1).
        test: The part of each class that is for testing, in [0, 1).
    """
    rows: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    digests = np.array([hashlib.sha256(example.tobytes()).hexdigest() for example in examples])
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[np.argsort(digests[members], kind="stable")]
        test_count, validation_count = round(test * len(members)), round(validation * len(members))
        parts = np.split(members, [test_count, test_count + validation_count])
        for split, part in zip(("test", "validation", "train"), parts, strict=True):
            rows[split].extend(part)
    return {split: np.array(members) for split, members in rows.items()}
