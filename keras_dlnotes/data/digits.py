"""scikit-learn's handwritten digits, 8×8 pixels, as a TFDS builder."""

import numpy as np
from sklearn.datasets import load_digits

from keras_dlnotes.data.embedded import PREFIX, LabelledImages


class Digits(LabelledImages):
    """1,797 digits by 13 writers; no image occurs twice, and the pixels keep their 0 to 16.

    The source does not name the writers, so one writer's digits may be in every split.
    """

    name = f"{PREFIX}digits"
    IMAGE_SHAPE = (8, 8, 1)
    CLASS_COUNT = 10
    TEST_FRACTION = 0.2
    VALIDATION_FRACTION = 0.12

    def images_and_labels(self) -> tuple[np.ndarray, np.ndarray]:
        source = load_digits()
        return source.images.astype(np.uint8)[..., np.newaxis], source.target
