"""5,000 of MNIST's handwritten digits, vendored with the package, as a TFDS builder."""

from pathlib import Path

import numpy as np

from keras_dlnotes.data.embedded import PREFIX, LabelledImages

ARCHIVE = Path(__file__).parent / "vendored" / "mnist_subset" / "mnist_subset.npz"


class MnistSubset(LabelledImages):
    """500 digits a class, of 28×28 pixels from 0 to 255; no image occurs twice.

    They stem from MNIST's training set: a score on this test split is none on MNIST's own.
    """

    name = f"{PREFIX}mnist_subset"
    IMAGE_SHAPE = (28, 28, 1)
    CLASS_COUNT = 10
    TEST_FRACTION = 0.2
    VALIDATION_FRACTION = 0.1

    def images_and_labels(self) -> tuple[np.ndarray, np.ndarray]:
        with np.load(ARCHIVE) as source:
            return source["image"][..., np.newaxis], source["label"]
