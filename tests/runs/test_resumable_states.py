"""A run that carries states from batch to batch ends like one that was not interrupted."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.runs import ConsecutiveBatches, RunFolder, fit_resumable
from keras_dlnotes.training import fit_truncated
from tests.backends import carries_states, only_on

ROWS, WINDOW = 2, 5


def windows_of_a_stream(seed=0, count=7):
    """Windows that follow each other in time; the last step's output needs the first one's."""
    inputs = np.random.default_rng(seed).normal(size=(count * WINDOW, 1)).astype("float32")
    targets = np.cumsum(inputs, axis=0)
    return inputs.reshape(count, WINDOW, 1), targets.reshape(count, WINDOW, 1)


def recurrent_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((None, 1)), layers.GRU(3, return_sequences=True), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def train_on_a_stream(path, epochs):
    model = recurrent_model()
    with RunFolder(path, {}, resume=True) as folder:
        state = fit_resumable(
            model,
            windows_of_a_stream(),
            windows_of_a_stream(seed=1),
            folder,
            epochs=epochs,
            batch_size=ROWS,
            seed=0,
            patience=9,
            monitor="loss",  # falls: the model ends with the weights of its last epoch
            batches=ConsecutiveBatches,
            carry_states=True,
            verbose=0,
        )
    return model, state


@pytest.mark.thorough
@carries_states
def test_carried_states_are_those_of_truncated_back_propagation(tmp_path):
    model, state = train_on_a_stream(tmp_path, epochs=3)
    reference = recurrent_model()
    for epoch in range(3):
        batches = ConsecutiveBatches(windows_of_a_stream(), ROWS, seed=0)
        batches.epoch = epoch
        inputs, targets = (
            np.concatenate([batches[index][part] for index in range(len(batches))], axis=1)
            for part in (0, 1)
        )
        history = fit_truncated(
            reference,
            (inputs, targets),
            WINDOW,
            validation_data=windows_of_a_stream(seed=1),
            verbose=0,
        )
        for name, values in history.history.items():
            assert state.history[epoch][name] == pytest.approx(values[0], rel=1e-5)
    for value, expected in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)
    assert state.early_stopping["best_epoch"] == 2
    assert not model.layers[0].stateful


@pytest.mark.thorough
@carries_states
def test_carried_states_go_on_exactly_after_an_interruption(tmp_path):
    whole = train_on_a_stream(tmp_path / "whole", epochs=3)
    train_on_a_stream(tmp_path / "parts", epochs=1)
    parts = train_on_a_stream(tmp_path / "parts", epochs=3)
    assert parts[1].history == whole[1].history
    for value, expected in zip(parts[0].get_weights(), whole[0].get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


@only_on("jax", reason="states are carried elsewhere")
def test_states_are_not_carried_where_they_cannot(tmp_path):
    with pytest.raises(RuntimeError, match="only on TensorFlow and PyTorch"):
        train_on_a_stream(tmp_path, epochs=1)
    inputs, targets = windows_of_a_stream()
    with pytest.raises(RuntimeError, match="only on TensorFlow and PyTorch"):
        fit_truncated(recurrent_model(), (inputs, targets), window=WINDOW)
