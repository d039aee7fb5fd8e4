import hashlib

import numpy as np
import pytest

from keras_dlnotes import data
from keras_dlnotes.data.embedded import stratified_splits

SPLITS = ("train", "validation", "test")


@pytest.fixture(params=["digits", "mnist_subset"])
def loaded(request, data_dir):
    return request.param, data.load(request.param, data_dir=data_dir)


def test_arrays_are_what_a_keras_user_expects(loaded):
    name, splits = loaded
    side = {"digits": 8, "mnist_subset": 28}[name]
    assert set(splits) == set(SPLITS)
    for columns in splits.values():
        assert set(columns) == {"image", "label"}
        assert columns["image"].shape == (len(columns["label"]), side, side, 1)
        assert columns["image"].dtype == np.uint8
        assert columns["label"].dtype == np.int64


def test_no_image_is_there_twice(loaded):
    _, splits = loaded
    images = np.concatenate([splits[split]["image"] for split in SPLITS])
    assert len({image.tobytes() for image in images}) == len(images)


def test_mnist_subset_has_the_same_number_of_every_class(data_dir):
    splits = data.load("mnist_subset", data_dir=data_dir)
    for split, count in {"train": 350, "validation": 50, "test": 100}.items():
        assert np.bincount(splits[split]["label"]).tolist() == [count] * 10


def test_digits_have_the_same_part_of_every_class(data_dir):
    counts = {
        split: np.bincount(columns["label"])
        for split, columns in data.load("digits", data_dir=data_dir).items()
    }
    total = sum(counts.values())
    assert total.sum() == 1797
    np.testing.assert_allclose(counts["test"] / total, 0.20, atol=0.5 / total.min())
    np.testing.assert_allclose(
        counts["validation"] / (total - counts["test"]), 0.15, atol=0.6 / total.min()
    )


def test_records_are_not_sorted_by_class(loaded):
    _, splits = loaded
    labels = splits["train"]["label"]
    # Among a hundred random labels each class comes up; sorted ones would begin with zeros.
    assert set(labels[:100]) == set(range(10))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", "4cb4b874f27e62836337e061e7a0f58eda508bf1be6659cfce4dc3ae5e1af526"),
        ("mnist_subset", "67ee9568285cf6bb219e6668ea47d4ca6a3404fa03e8e587aeef127ae46db41d"),
    ],
)
def test_splits_are_the_same_on_every_machine(name, expected, data_dir):
    test = data.load(name, "test", data_dir)
    content = test["image"].tobytes() + test["label"].tobytes()
    assert hashlib.sha256(content).hexdigest() == expected


def test_records_equal_their_source(data_dir):
    from sklearn.datasets import load_digits

    source = load_digits()
    expected = {
        (image.astype(np.uint8).tobytes(), label)
        for image, label in zip(source.images, source.target, strict=True)
    }
    splits = data.load("digits", data_dir=data_dir).values()
    received = {
        (image.tobytes(), label)
        for columns in splits
        for image, label in zip(columns["image"], columns["label"], strict=True)
    }
    assert received == expected


def test_stratified_splits_cut_every_class_whatever_the_order():
    generator = np.random.default_rng(3)
    examples = generator.integers(0, 256, (150, 2, 2))
    labels = np.repeat([0, 1, 2], [100, 40, 10])
    splits = stratified_splits(examples, labels, validation=0.1, test=0.2)

    assert sorted(np.concatenate(list(splits.values()))) == list(range(150))
    counts = {split: np.bincount(labels[rows]).tolist() for split, rows in splits.items()}
    assert counts == {"train": [70, 28, 7], "validation": [10, 4, 1], "test": [20, 8, 2]}

    order = generator.permutation(150)
    shuffled = stratified_splits(examples[order], labels[order], validation=0.1, test=0.2)
    for split, rows in splits.items():
        assert sorted(order[shuffled[split]]) == sorted(rows)
