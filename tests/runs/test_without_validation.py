"""A resumable fit without validation data: all epochs, and the weights of the last one."""

import keras
import numpy as np

from keras_dlnotes.runs import RunFolder, fit_resumable


def train(path, epochs):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    model.compile("adam", "mse", run_eagerly=True)
    inputs = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    with RunFolder(path, {}, resume=True) as folder:
        state = fit_resumable(
            model,
            (inputs, inputs[:, :1]),
            None,
            folder,
            epochs=epochs,
            batch_size=16,
            seed=0,
            verbose=0,
        )
    return model.get_weights(), state


def test_a_resumed_fit_ends_with_the_weights_of_the_last_epoch(tmp_path):
    half, _ = train(tmp_path / "parts", 2)
    found, state = train(tmp_path / "parts", 4)
    expected, uninterrupted = train(tmp_path / "whole", 4)
    assert state.history == uninterrupted.history and len(state.history) == 4
    assert state.early_stopping["best_epoch"] == 3
    for weights, others, earlier in zip(found, expected, half, strict=True):
        np.testing.assert_array_equal(weights, others)
        assert (weights != earlier).any()
