"""A U-Net segments cell nuclei in a microscope image."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from skimage.filters import threshold_otsu

from keras_dlnotes import data, models, reports
from keras_dlnotes.runs.task import (
    Arrays,
    Baseline,
    Outcome,
    Picture,
    Splits,
    Task,
    UnsuitableDataError,
)
from keras_dlnotes.tasks.images import LAYOUT, first_kernels, standardization


def prepare(name: str) -> Splits:
    """Loads tiles and masks, the training tiles in all eight rotations and reflections.

    The splits of the data set `nuclei` are bands of one image: no pixel is in two of them.
    """
    loaded = data.load(name)
    training, validation, test = (
        _tiles_and_targets(name, loaded.get(split, {})) for split in ("train", "validation", "test")
    )
    training = tuple(_in_eight_positions(array) for array in training)
    return Splits(training, validation, test, ("background", "nucleus"))


def _tiles_and_targets(name: str, features: Any) -> Arrays:
    tiles, masks = (features.get(key) for key in ("image", "mask"))
    if not all(getattr(array, "ndim", 0) == 4 for array in (tiles, masks)):
        raise UnsuitableDataError(
            f"Data set {name!r} isn't one of equally large images with a mask each, in splits for "
            "training, validation and test."
        )
    return tiles.astype("float32"), (masks > 0).astype("int32")


def _in_eight_positions(tiles: np.ndarray) -> np.ndarray:
    turned = [np.rot90(tiles, turns, axes=(1, 2)) for turns in range(4)]
    return np.concatenate([*turned, *(positions[:, :, ::-1] for positions in turned)])


def build(splits: Splits, **arguments: Any) -> keras.Model:
    """Builds a `models.unet` that takes raw pixels; with the task's arguments it returns logits."""
    tiles, _ = splits.training
    shape = None, None, tiles.shape[-1]
    return models.unet(shape, preprocessing=[standardization(tiles)], **LAYOUT, **arguments)


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the intersection over union, over all pixels of the test tiles together."""
    tiles, targets = splits.test
    return {"test_iou": intersection_over_union(targets, _found(model, tiles))}


def _found(model: keras.Model, tiles: np.ndarray) -> np.ndarray:
    return model.predict(tiles, verbose=0).argmax(axis=-1)[..., np.newaxis] > 0


def intersection_over_union(truth: np.ndarray, found: np.ndarray) -> float:
    """Returns |truth ∩ found| / |truth ∪ found|.

    >>> intersection_over_union(np.array([1, 1, 1, 0]), np.array([0, 1, 1, 1]))
    0.5
    """
    truth, found = truth > 0, found > 0
    return float(np.count_nonzero(truth & found) / np.count_nonzero(truth | found))


def otsu(splits: Splits) -> list[Baseline]:
    """Scores Otsu's threshold: one for each test tile, and one of all training pixels."""
    tiles, targets = splits.test
    training, tiles = _grey(splits.training[0]), _grey(tiles)
    each = np.stack([tile > threshold_otsu(tile) for tile in tiles])
    one = tiles > threshold_otsu(training)
    found = {"Otsu's threshold, tile by tile": each, "Otsu's threshold of the training tiles": one}
    scored = [
        Baseline(name, {"test_iou": intersection_over_union(targets, pixels)})
        for name, pixels in found.items()
    ]
    return sorted(scored, key=lambda baseline: baseline.scores["test_iou"], reverse=True)


def _grey(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=-1, keepdims=True)


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws the segmented test tiles and the first kernels."""
    tiles, targets = outcome.splits.test
    found = _found(outcome.model, tiles)
    yield Picture(
        "Overlays",
        reports.plot_overlays(tiles, targets[..., 0] > 0, found[..., 0], limit=16),
        "All test tiles, with the pixels that the network found, missed and wrongly found.",
        "Tiles of a microscope's picture with coloured nuclei.",
        "Errors along the outlines, where the true mask is a matter of opinion, or whole nuclei "
        "that are missed or made up.",
        "derivations/architectures.md#unet",
    )
    yield first_kernels(outcome.model)


NUCLEI = Task(
    name="nuclei",
    description="A U-Net finds cell nuclei in tiles of a microscope's picture",
    section="CNN Models: U-Net (Skip Connection)",
    see="derivations/architectures.md#unet",
    data="nuclei",
    prepare=prepare,
    build=build,
    # logits: PyTorch has no gradient for Keras's sparse loss of a probability for each pixel
    arguments={"filters": 8, "depth": 3, "dropout": 0.2, "classifier_activation": None},
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=("accuracy",),
    learning_rate=2e-3,
    halving_epochs=8,
    epochs=40,
    batch_size=8,
    patience=10,
    score=score,
    primary_metric="test_iou",
    baseline=otsu,
    pictures=pictures,
)
