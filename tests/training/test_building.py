"""Models without an input shape are built on data, and no value changes by that."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.runs import RunFolder, ShuffledBatches, fit_resumable
from keras_dlnotes.training import fit_truncated
from keras_dlnotes.training.building import built_on
from tests.backends import carries_states, only_on


def in_line():
    return keras.Sequential(
        [
            keras.layers.Dense(4, activation="tanh"),
            keras.layers.Dropout(0.3),
            layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )


class Several(keras.Model):
    """Two inputs by their names."""

    def __init__(self):
        super().__init__()
        self.embedding = keras.layers.Embedding(5, 2)
        self.hidden = keras.layers.Dense(3)
        self.noise = keras.layers.GaussianNoise(0.1)
        self.outputs = keras.layers.Dense(1)

    def call(self, inputs, training=False):
        words = keras.ops.mean(self.embedding(inputs["words"]), axis=1)
        hidden = self.noise(self.hidden(inputs["numbers"]), training=training)
        return self.outputs(keras.ops.concatenate([words, hidden], axis=-1))


class Branches(keras.Model):
    """A layer for training alone, and one for inference alone."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(3)
        self.in_training = keras.layers.Dense(1)
        self.at_inference = keras.layers.Dense(1)

    def build(self, shape):
        pass

    def call(self, inputs, training=False):
        hidden = self.hidden(inputs)
        return self.in_training(hidden) if training else self.at_inference(hidden)


class Values(keras.Model):
    """A call that Keras cannot trace: it asks for a value."""

    def __init__(self):
        super().__init__()
        self.outputs = keras.layers.Dense(1)

    def call(self, inputs):
        if float(keras.ops.convert_to_numpy(keras.ops.mean(inputs))) > 1e9:
            raise ValueError("too large")
        return self.outputs(inputs)


class Lazy(keras.metrics.Metric):
    """A metric whose variable is made by the first batch."""

    total = None

    def update_state(self, targets, outputs, sample_weight=None):
        if self.total is None:
            self.total = self.add_variable((), "zeros", name="total")
        self.total.assign_add(keras.ops.sum(keras.ops.abs(targets - outputs)))

    def result(self):
        return keras.ops.convert_to_tensor(self.total)

    def reset_state(self):
        if self.total is not None:
            self.total.assign(0.0)


GENERATOR = np.random.default_rng(0)
NUMBERS = GENERATOR.normal(size=(20, 3)).astype("float32")
NAMED = {"words": GENERATOR.integers(5, size=(20, 4)), "numbers": NUMBERS}
TARGETS = NUMBERS.sum(axis=1, keepdims=True)
CASES = [(in_line, NUMBERS), (Several, NAMED), (Branches, NUMBERS)]
EAGER = [(Values, NUMBERS)] if keras.backend.backend() != "jax" else []


def compiled(make, **settings):
    keras.utils.set_random_seed(3)
    model = make()
    settings = {"metrics": ["mae", Lazy(name="lazy")], "run_eagerly": True, **settings}
    model.compile(keras.optimizers.Adam(0.01), "mse", **settings)
    return model


def values(model):
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def train(path, make, inputs, epochs, **settings):
    model = compiled(make, **settings)
    with RunFolder(path, {}, resume=True) as folder:
        state = fit_resumable(
            model,
            (inputs, TARGETS),
            (inputs, TARGETS),
            folder,
            epochs=epochs,
            batch_size=8,
            seed=0,
            patience=9,
            verbose=0,
        )
    return model, state


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("make", "inputs"), CASES + EAGER)
def test_a_model_without_an_input_shape_goes_on_exactly(make, inputs, tmp_path):
    whole, expected = train(tmp_path / "whole", make, inputs, epochs=3)
    train(tmp_path / "parts", make, inputs, epochs=1)
    parts, state = train(tmp_path / "parts", make, inputs, epochs=3)
    assert state.history == expected.history
    for value, of_whole in zip(values(parts), values(whole), strict=True):
        np.testing.assert_array_equal(value, of_whole)


@pytest.mark.thorough
@only_on("tensorflow", "jax", reason="PyTorch's dropout draws from a generator of its own")
@pytest.mark.parametrize(("make", "inputs"), CASES[:2])
def test_building_does_what_fit_does_by_itself(make, inputs):
    batches = ShuffledBatches((inputs, TARGETS), 8, seed=0)
    by_itself, built = compiled(make, run_eagerly=False), compiled(make, run_eagerly=False)
    built_on(built, batches)
    assert built.built
    for model in (by_itself, built):
        model.fit(batches, shuffle=False, verbose=0)
    for value, expected in zip(values(built), values(by_itself), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_building_changes_no_value_and_leaves_the_rows_open():
    batches = ShuffledBatches((NUMBERS, TARGETS), 8, seed=0)
    model = compiled(in_line)
    seed = model.layers[1].seed_generator.state
    before = keras.ops.convert_to_numpy(seed)
    built_on(model, batches)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(seed), before)
    assert not np.any(model.layers[2].moving_mean)
    assert model.input_shape == (None, 3)
    weights = values(model)
    built_on(model, [])  # it is built: nobody asks for a batch
    np.testing.assert_array_equal(values(model)[0], weights[0])


def test_lengths_that_differ_between_batches_stay_open():
    model = compiled(lambda: keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)]))
    built_on(model, [(np.ones((2, steps, 3)), np.ones((2, steps, 1))) for steps in (4, 5)])
    assert model.input_shape == (None, None, 3)


def test_a_model_that_cannot_be_called_is_named():
    batches = [(np.ones((2, 3)), np.ones((2, 1)))]
    convolution = compiled(lambda: keras.Sequential([keras.layers.Conv2D(2, 3)]))
    with pytest.raises(ValueError, match=r"Argument `model` must be built, or .*called"):
        built_on(convolution, batches)


@pytest.mark.thorough
@carries_states
def test_truncated_training_builds_a_model_too():
    stream = np.ones((2, 7, 3), "float32"), np.ones((2, 7, 1), "float32")
    found = []
    for first in ([], [keras.Input((None, 3))]):
        keras.utils.set_random_seed(0)
        hidden = layers.LSTM(2, return_sequences=True)
        model = keras.Sequential([*first, hidden, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        fit_truncated(model, stream, window=3, verbose=0)  # the last window has one step
        found.append(np.concatenate([value.ravel() for value in model.get_weights()]))
    np.testing.assert_array_equal(*found)
