"""The parts of an image-classification task."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_dlnotes import data, models, reports
from keras_dlnotes.runs.task import Arrays, Baseline, Outcome, Picture, Splits, UnsuitableDataError
from keras_dlnotes.tasks.images import LAYOUT, augmentation, first_kernels, standardization

VALIDATION_FRACTION = 0.1
BASELINE_EXAMPLES = 5000
MAX_STAGES = 9  # of a network in one figure


def prepare(name: str) -> Splits:
    """Loads images and labels; part of the training data serves as a missing validation split.

    No image of `digits` or `mnist_subset` is in two splits: they are cut class by class in the
    order of the images' SHA-256, and no image occurs twice.
    """
    loaded = data.load(name)
    missing = {"train", "test"} - loaded.keys()
    if missing:
        raise UnsuitableDataError(f"Data set {name!r} has no split {' and no '.join(missing)}.")
    arrays = {split: _images_and_labels(name, features) for split, features in loaded.items()}
    if "validation" not in arrays:
        arrays["train"], arrays["validation"] = _split_off(*arrays["train"])
    class_names = data.builder(name).info.features["label"].names
    return Splits(arrays["train"], arrays["validation"], arrays["test"], tuple(class_names))


def _images_and_labels(name: str, features: Any) -> Arrays:
    images, labels = (features.get(key) for key in ("image", "label"))
    if getattr(images, "ndim", 0) != 4 or getattr(labels, "ndim", 0) != 1:
        raise UnsuitableDataError(
            f"Data set {name!r} isn't one of equally large images, each with one label: it has "
            f"{', '.join(features)}."
        )
    return images.astype("float32"), labels.astype("int32")


def _split_off(images, labels) -> tuple[Arrays, Arrays]:
    order = np.random.default_rng(0).permutation(len(images))
    count = round(VALIDATION_FRACTION * len(images))
    validation, training = np.sort(order[:count]), np.sort(order[count:])
    return (images[training], labels[training]), (images[validation], labels[validation])


def build(
    network: Callable[..., keras.Model],
    splits: Splits,
    shift: float = 0.0,
    rotation: float = 0.0,
    **arguments: Any,
) -> keras.Model:
    """Builds a network of `models` that takes raw pixels and predicts the class.

    It standardizes them by the training images' mean and variance, and in training moves each image
    by up to `shift` of its size and turns it by up to `rotation` of a full turn.
    """
    images, _ = splits.training
    preprocessing = [*augmentation(shift, rotation), standardization(images)]
    classes = len(splits.class_names)
    return network(images.shape[1:], classes, preprocessing=preprocessing, **LAYOUT, **arguments)


build_convnet = partial(build, models.convnet)


def logistic_regression(splits: Splits) -> Baseline:
    """Scores scikit-learn's logistic regression on the standardized pixels."""
    images, labels = (array[:BASELINE_EXAMPLES] for array in splits.training)
    test_images, test_labels = splits.test
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    classifier.fit(images.reshape(len(images), -1), labels)
    accuracy = classifier.score(test_images.reshape(len(test_images), -1), test_labels)
    return Baseline(
        f"logistic regression on {len(images):,} images", {"test_accuracy": float(accuracy)}
    )


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws the confusion matrix, worst mistakes, first kernels and feature maps."""
    model, splits = outcome.model, outcome.splits
    images, labels = splits.test
    probabilities = model.predict(images, verbose=0)
    predictions = probabilities.argmax(axis=-1)
    yield Picture(
        "Confusion matrix",
        reports.plot_confusion_matrix(labels, predictions, splits.class_names),
        "How often each true class (row) was taken for each class (column), on the test images.",
        "Matrix of true classes by predicted classes.",
        "Strong cells off the diagonal, which are pairs of classes that the network confuses. A "
        "row that is spread out is a class that it often misses; a column, one that it names too "
        "often.",
        "concepts/images.md#the-cnn",
    )
    yield Picture(
        "Worst mistakes",
        reports.plot_mistakes(images, labels, predictions, probabilities, splits.class_names),
        "Wrong predictions with the highest probability: true class → predicted class.",
        "Wrongly classified test images with their true and predicted classes.",
        "Images that are easy for you: there the network has something left to learn. Others you "
        "would misread as well, or their label is wrong.",
        "concepts/images.md#the-cnn",
    )
    yield first_kernels(model)
    yield Picture(
        "Feature maps of one image",
        reports.plot_feature_maps(images[0], _stages(model, images[:1])),
        "The feature maps of the first test image after convolutions, detectors and poolings; for "
        "a deep network, some of them.",
        "An image and its feature maps in one layer after another.",
        "Strokes and edges in the first maps, which keep the shape of the input. Poolings and "
        "strides make the later maps smaller, and each of their values sees more of the image.",
        "concepts/images.md#receptive-field",
    )


def _stages(model: keras.Model, images) -> dict[str, np.ndarray]:
    kinds = keras.layers.Conv2D, keras.layers.Activation, keras.layers.MaxPooling2D
    names = [layer.name for layer in model.layers if isinstance(layer, kinds)]
    step = -(-len(names) // MAX_STAGES)
    return reports.feature_maps(model, images, names[::step])
