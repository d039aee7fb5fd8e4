"""A run of any source that was interrupted ends like one that was not."""

import keras
import numpy as np
import pytest

from keras_dlnotes.runs import RunFolder, fit_resumable
from keras_dlnotes.runs.batches import ShuffledBatches
from keras_dlnotes.runs.resumable import feed_of
from tests.runs.sources import KINDS, Endless, Listed, examples, of_arrays


class InterruptionError(Exception):
    pass


def dies(last):
    def end(epoch, logs):
        if epoch == last:
            raise InterruptionError

    return keras.callbacks.LambdaCallback(on_epoch_begin=end)


def train(path, kind, callbacks=(), **arguments):
    make, steps = KINDS[kind]
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"], jit_compile=False)
    with RunFolder(path, {}, resume=True) as folder:
        state = fit_resumable(
            model,
            make(*examples()),
            make(*examples(seed=2)) if steps is None else examples(seed=2),
            folder,
            **{
                "epochs": 3,
                "batch_size": 8,
                "seed": 0,
                "patience": 9,
                "callbacks": callbacks,
                "verbose": 0,
                "steps_per_epoch": steps,
            }
            | arguments,
        )
    return model, state


@pytest.mark.sampled
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_run_ends_like_a_whole_one(kind, tmp_path):
    for package in (
        "tensorflow" if "dataset" in kind else "torch" if "loader" in kind else "keras",
    ):
        pytest.importorskip(package)
    whole, expected = train(tmp_path / "whole", kind)
    for last in (1, 2):
        with pytest.raises(InterruptionError):
            train(tmp_path / "parts", kind, callbacks=[dies(last)])
    parts, found = train(tmp_path / "parts", kind)
    assert found.history == expected.history
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_steps_go_on_where_the_last_epoch_ended():
    arrays = examples()
    reference = ShuffledBatches(arrays, 8, seed=3)
    passes = []
    for epoch in range(2):
        reference.epoch = epoch
        passes += [reference[index][1] for index in range(5)]
    feed = feed_of(of_arrays(*arrays), ShuffledBatches, 8, 3, steps=3)
    found = []
    for epoch in range(3):
        feed.begin(epoch)
        found += [feed.data[index][1] for index in range(3)]
    np.testing.assert_array_equal(np.stack(found), np.stack(passes[:9]))


def test_every_batch_of_a_source_comes_once_an_epoch_in_another_order():
    arrays = examples()
    orders = []
    for make in (Listed, KINDS["batches"][0]):
        feed = feed_of(make(*arrays), ShuffledBatches, 8, 0)
        for epoch in (0, 1):
            feed.begin(epoch)
            count = len(feed.data)
            orders.append([tuple(feed.data[index][1].tolist()) for index in range(count)])
            feed.data.on_epoch_end()
    assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]
    whole = [sorted(label for batch in epoch for label in batch) for epoch in orders[2:]]
    assert whole[0] == whole[1] == sorted(arrays[1].tolist())


def test_class_weights_reach_the_loss(tmp_path):
    losses = [
        train(tmp_path / str(weight), "arrays", epochs=1, class_weight={0: weight, 1: weight})[1]
        for weight in (1.0, 3.0)
    ]
    first, second = (state.history[0]["loss"] for state in losses)
    assert second == pytest.approx(3 * first, rel=0.2)


@pytest.mark.parametrize(
    ("make", "steps", "told"),
    [
        (lambda *arrays: iter([arrays]), 2, "`training` must be a source that can be read several"),
        (Endless, None, "`steps_per_epoch` must be given for data whose end"),
        (lambda *arrays: Unknown(), None, "`steps_per_epoch` must be given for data whose end"),
    ],
)
def test_what_cannot_be_read_for_several_epochs_is_refused(make, steps, told, tmp_path):
    KINDS["refused"] = make, steps
    try:
        with pytest.raises(ValueError, match=told):
            train(tmp_path, "refused")
    finally:
        del KINDS["refused"]


class Unknown:
    def __iter__(self):
        return iter([examples(8)])
