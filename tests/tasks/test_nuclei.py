"""The parts of the task that finds nuclei."""

import numpy as np
import pytest

from keras_dlnotes import data
from keras_dlnotes.tasks import Splits, UnsuitableDataError, nuclei


def test_training_tiles_come_in_eight_positions_each_with_its_mask():
    loaded = data.load("nuclei")
    splits = nuclei.prepare("nuclei")
    tiles, targets = splits.training
    count = len(loaded["train"]["image"])
    assert len(tiles) == len(targets) == 8 * count
    assert len(np.unique(tiles[::count].reshape(8, -1), axis=0)) == 8
    # where a tile is bright its mask says nucleus, in every position
    for position in range(8):
        part = slice(position * count, (position + 1) * count)
        inside, outside = (tiles[part][targets[part] == value].mean() for value in (1, 0))
        assert inside > 2 * outside
    for arrays, split in ((splits.validation, "validation"), (splits.test, "test")):
        np.testing.assert_array_equal(arrays[0], loaded[split]["image"])
        np.testing.assert_array_equal(arrays[1], loaded[split]["mask"] > 0)


def test_data_without_masks_are_an_error():
    with pytest.raises(UnsuitableDataError, match="a mask each"):
        nuclei.prepare("digits")


def test_otsu_finds_the_bright_half():
    tiles = np.zeros((2, 4, 4, 1), "float32")
    tiles[:, :2] = 100
    tiles[1] += 200  # one threshold for all fails where the whole tile is bright
    targets = (np.arange(4)[:, None, None] < 2) * np.ones((2, 4, 4, 1), int)
    best, other = nuclei.otsu(Splits((tiles[:1], targets[:1]), (), (tiles, targets)))
    assert best.name == "Otsu's threshold, tile by tile" and best.scores["test_iou"] == 1
    assert other.scores["test_iou"] == pytest.approx(2 / 3)
