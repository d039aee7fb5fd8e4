import numpy as np
import pytest

from keras_dlnotes import data


@pytest.fixture(scope="module")
def splits(data_dir):
    return data.load("nuclei", data_dir=data_dir)


def test_tiles_are_the_whole_picture_and_no_pixel_is_there_twice(splits):
    with np.load(data.card("nuclei").builder_class().examples.__globals__["ARCHIVE"]) as source:
        expected = {name: source[name] for name in ("image", "mask")}
    covered = np.zeros((512, 512), int)
    for name, picture in expected.items():
        joined = np.zeros_like(picture)
        for columns in splits.values():
            for tile, row, column in zip(
                columns[name], columns["row"], columns["column"], strict=True
            ):
                place = slice(row, row + 64), slice(column, column + 64)
                joined[place] = tile[..., 0]
                covered[place] += 1
        np.testing.assert_array_equal(joined, picture)
    assert np.all(covered == 2)  # once for each of the two pictures


def test_splits_are_bands_of_rows(splits):
    rows = {split: sorted(set(columns["row"])) for split, columns in splits.items()}
    assert rows == {"train": [0, 64, 128, 192, 256], "validation": [320], "test": [384, 448]}


def test_nuclei_are_brighter_than_the_background(splits):
    train = splits["train"]
    inside = train["mask"] > 0
    assert train["image"][inside].mean() > 1.5 * train["image"][~inside].mean()
    assert 0.15 < inside.mean() < 0.25
