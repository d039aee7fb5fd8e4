"""The order of the examples: a function of seed and epoch, and of nothing else."""

import random

import numpy as np
import pytest

from keras_dlnotes.runs import ConsecutiveBatches, ShuffledBatches


def order(seed, epoch, count=10, batch_size=3):
    batches = ShuffledBatches((np.arange(count), np.arange(count)), batch_size, seed)
    batches.epoch = epoch
    return np.concatenate([batches[index][0] for index in range(len(batches))])


def test_every_epoch_has_every_example_once():
    for epoch in range(3):
        assert sorted(order(seed=0, epoch=epoch)) == list(range(10))


def test_order_depends_on_seed_and_epoch_alone():
    before = order(seed=5, epoch=7)
    random.random(), np.random.rand()
    np.testing.assert_array_equal(order(seed=5, epoch=7), before)
    assert not np.array_equal(order(seed=5, epoch=8), before)
    assert not np.array_equal(order(seed=6, epoch=7), before)


def test_inputs_and_targets_stay_together():
    inputs = {"left": np.arange(10), "right": np.arange(10) * 2}
    batches = ShuffledBatches((inputs, np.arange(10) * 3, np.arange(10) * 4), 4, seed=0)
    assert [len(batches[index][1]) for index in range(len(batches))] == [4, 4, 2]
    rows, targets, weights = batches[1]
    np.testing.assert_array_equal(rows["right"], rows["left"] * 2)
    np.testing.assert_array_equal(targets, rows["left"] * 3)
    np.testing.assert_array_equal(weights, rows["left"] * 4)


def test_arrays_must_be_of_one_length():
    with pytest.raises(ValueError, match=r"`arrays`.*one length.*\[3, 4\]"):
        ShuffledBatches((np.arange(3), np.arange(4)), 2, seed=0)


@pytest.mark.parametrize("epoch", range(4))
def test_each_row_goes_on_where_it_ended(epoch):
    batches = ConsecutiveBatches((np.arange(23), np.arange(23) * 2), batch_size=4, seed=0)
    batches.epoch = epoch
    found = np.stack([batches[index][0] for index in range(len(batches))])
    assert found.shape == (5, 4)
    assert np.all((found[1:] - found[:-1]) % 23 == 1)
    np.testing.assert_array_equal((found[0, 1:] - found[0, :-1]) % 23, 5)
    assert len(set(found.ravel())) == 20  # those left out are other ones each epoch
    np.testing.assert_array_equal(batches[2][1], found[2] * 2)


def test_a_stream_needs_an_example_a_row():
    with pytest.raises(ValueError, match=r"`arrays`.*at least 4 examples"):
        ConsecutiveBatches((np.arange(3), np.arange(3)), 4, seed=0)
