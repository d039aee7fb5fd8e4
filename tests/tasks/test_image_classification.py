"""The parts of tasks that tell what an image shows."""

import types

import keras
import numpy as np
import pytest

from keras_dlnotes import data
from keras_dlnotes.tasks import Splits, UnsuitableDataError, image_classification


def images_and_labels(count, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "image": generator.integers(0, 255, size=(count, 8, 8, 1), dtype="uint8"),
        "label": np.arange(count) % 3,
    }


@pytest.fixture
def loaded(monkeypatch):
    """Data sets by name that `data.load` gives in this test."""
    sets = {}
    features = {"label": types.SimpleNamespace(names=["a", "b", "c"])}
    info = types.SimpleNamespace(features=features)
    monkeypatch.setattr(data, "load", lambda name: sets[name])
    monkeypatch.setattr(data, "builder", lambda name: types.SimpleNamespace(info=info))
    return sets


def test_prepare_keeps_the_splits_apart(loaded):
    loaded["set"] = {
        split: images_and_labels(count, seed=count)
        for split, count in (("train", 30), ("validation", 6), ("test", 9))
    }
    splits = image_classification.prepare("set")
    assert splits.class_names == ("a", "b", "c")
    for split, arrays in (
        ("train", splits.training),
        ("validation", splits.validation),
        ("test", splits.test),
    ):
        assert arrays[0].dtype == np.float32
        np.testing.assert_array_equal(arrays[0], loaded["set"][split]["image"])
        np.testing.assert_array_equal(arrays[1], loaded["set"][split]["label"])


def test_validation_comes_out_of_the_training_data_where_there_is_none(loaded):
    loaded["set"] = {"train": images_and_labels(50), "test": images_and_labels(9, seed=1)}
    splits = image_classification.prepare("set")
    assert [len(splits.training[0]), len(splits.validation[0])] == [45, 5]
    together = np.concatenate([splits.training[0], splits.validation[0]])
    original = loaded["set"]["train"]["image"].astype("float32")
    np.testing.assert_array_equal(
        np.unique(together.reshape(50, -1), axis=0), np.unique(original.reshape(50, -1), axis=0)
    )
    np.testing.assert_array_equal(splits.test[0], loaded["set"]["test"]["image"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": images_and_labels(9)}, "no split test"),
        ({name: {"text": np.array(["a"])} for name in ("train", "test")}, "it has text"),
        (
            {
                name: {"image": np.zeros((2, 8, 8)), "label": np.zeros(2)}
                for name in ("train", "test")
            },
            "isn't one of equally large images",
        ),
    ],
)
def test_data_of_another_kind_is_an_error(loaded, content, message):
    loaded["odd"] = content
    with pytest.raises(UnsuitableDataError, match=message):
        image_classification.prepare("odd")


def test_the_network_standardizes_and_is_random_in_training_only():
    images = np.random.default_rng(0).uniform(0, 200, size=(64, 8, 8, 1)).astype("float32")
    splits = Splits((images, None), (), (), ("a", "b"))
    model = image_classification.build_convnet(splits, shift=0.1, rotation=0.1, filters=(2,))
    (normalization,) = (layer for layer in model.layers if "normalization" in layer.name)
    standardized = keras.ops.convert_to_numpy(normalization(images))
    assert abs(standardized.mean()) < 1e-5 and abs(standardized.std() - 1) < 1e-5
    at_rest, again, training = (
        keras.ops.convert_to_numpy(model(images[:2], training=mode))
        for mode in (False, False, True)
    )
    np.testing.assert_array_equal(at_rest, again)
    assert not np.array_equal(at_rest, training)


def test_the_baseline_is_scored_on_the_test_images():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, size=300)
    images = generator.normal(size=(300, 4, 4, 1)) + 3 * labels[:, None, None, None]
    training, test = (images[:200], labels[:200]), (images[200:], labels[200:])
    baseline = image_classification.logistic_regression(Splits(training, (), test))
    assert baseline.name == "logistic regression on 200 images"
    assert baseline.scores["test_accuracy"] > 0.95
    wrong = Splits(training, (), (images[200:], 1 - labels[200:]))
    assert image_classification.logistic_regression(wrong).scores["test_accuracy"] < 0.05
