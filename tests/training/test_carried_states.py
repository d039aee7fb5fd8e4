"""States are carried by training steps alone: whatever a callback does sees the model as it is."""

import copy

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.runs import ConsecutiveBatches, RunFolder, fit_resumable
from keras_dlnotes.training import fit_truncated
from keras_dlnotes.training.carried_states import CarriedStates, recurrent_layers
from tests.backends import carries_states, only_on

pytestmark = carries_states
ROWS, STEPS, WINDOW = 3, 8, 4


def stream(seed=0, rows=ROWS):
    generator = np.random.default_rng(seed)
    shapes = (rows, STEPS, 2), (rows, STEPS, 1)
    return tuple(generator.normal(size=shape).astype("float32") for shape in shapes)


@keras.saving.register_keras_serializable("tests")
class OwnStep(keras.Model):
    def train_step(self, *arguments):
        return super().train_step(*arguments)


@keras.saving.register_keras_serializable("tests")
class OwnFunction(keras.Model):
    """Replaces what Keras makes of the step."""

    def make_train_function(self, force=False):
        super().make_train_function(force)
        function = self.train_function
        self.train_function = lambda data: function(data)
        return self.train_function


def recurrent(name="GRU", module=layers, **settings):
    return getattr(module, name)(3, return_sequences=True, **settings)


def nested(outer):
    inputs = keras.Input((None, 2))
    inner = keras.Sequential([keras.Input((None, 2)), recurrent("LSTM"), keras.layers.Dense(2)])
    return outer(inputs, keras.layers.Dense(1)(inner(inputs)))


def in_line(layer, rows=None):
    inputs = keras.Input(batch_shape=(rows, None, 2))
    return keras.Sequential([inputs, layer, keras.layers.Dense(1)])


def compiled(make, **settings):
    keras.utils.set_random_seed(4)
    model = make()
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], **settings)
    return model


EAGERLY = {"run_eagerly": True}
CASES = {
    "open batch": (lambda: in_line(recurrent()), {}),
    "fixed batch": (lambda: in_line(recurrent("LSTM"), ROWS), EAGERLY),
    "stateful by itself": (lambda: in_line(recurrent(stateful=True), ROWS), {}),
    "a step of its own, nested": (lambda: nested(OwnStep), EAGERLY),
    "a function of its own, nested": (lambda: nested(OwnFunction), EAGERLY),
}
if keras.backend.backend() == "tensorflow":
    CASES["of Keras, compiled"] = (
        lambda: in_line(recurrent("SimpleRNN", keras.layers)),
        {"jit_compile": True},
    )


class Curious(keras.callbacks.Callback):
    """Does with the model whatever a callback may do, before the last epoch."""

    def __init__(self, path):
        super().__init__()
        self.path = path / "model.keras"
        self.is_first = True
        self.seen = []

    def on_train_begin(self, logs=None):
        self.config = self.model.to_json()

    def on_train_batch_end(self, batch, logs=None):
        if self.is_first and batch == 1:
            self.look("batch")

    def on_epoch_end(self, epoch, logs=None):
        if self.is_first:
            self.look("epoch")
            self.model.evaluate(*stream(seed=5), verbose=0)  # earlier, it would end the metrics
        self.is_first = False

    def look(self, moment):
        model = self.model
        assert model.to_json() == self.config
        is_stateful = any(layer.stateful for layer in recurrent_layers(model))
        inputs, _ = stream(seed=5, rows=ROWS if is_stateful else 2)
        expected = model.predict(inputs, verbose=0)
        for other in (self.saved(model), keras.models.clone_model(model), copy.deepcopy(model)):
            other.set_weights(model.get_weights())
            found = keras.ops.convert_to_numpy(other(inputs))
            if not is_stateful:
                np.testing.assert_allclose(found, expected, atol=1e-6)
                again = keras.ops.convert_to_numpy(other(inputs))
                np.testing.assert_array_equal(found, again)
        self.seen.append(moment)

    def saved(self, model):
        model.save(self.path)
        model.save_weights(self.path.with_suffix(".weights.h5"))
        loaded = keras.models.load_model(self.path)
        loaded.load_weights(self.path.with_suffix(".weights.h5"))
        return loaded


class Stops(keras.callbacks.Callback):
    """Raises, as an interrupt does."""

    def __init__(self, moment):
        super().__init__()
        setattr(self, moment, self.stop)

    def stop(self, *arguments, **settings):
        raise KeyboardInterrupt


def train_in_windows(model, *callbacks):
    return fit_truncated(
        model,
        stream(),
        WINDOW,
        epochs=2,
        validation_data=stream(seed=1),
        validation_batch_size=2,
        callbacks=list(callbacks),
        verbose=0,
    ).history


def train_in_folder(path, model, *callbacks, epochs=2, carry_states=True):
    windows = tuple(np.concatenate(np.split(array, 2, axis=1)) for array in stream())
    with RunFolder(path, {}, resume=True) as folder:
        state = fit_resumable(
            model,
            windows,
            windows,
            folder,
            epochs=epochs,
            batch_size=ROWS,
            seed=0,
            patience=9,
            batches=ConsecutiveBatches,
            callbacks=callbacks,
            carry_states=carry_states,
            verbose=0,
        )
    return state.history


def assert_as_it_was(model, before):
    assert "make_train_function" not in vars(model) and "make_test_function" not in vars(model)
    assert [(layer.stateful, layer.states) for layer in recurrent_layers(model)] == before
    # what was traced with the states would want as many rows
    is_stateful = any(stateful for stateful, _ in before)
    inputs, targets = stream(rows=ROWS if is_stateful else 5)
    model.train_on_batch(inputs, targets)
    assert model.evaluate(inputs, targets, verbose=0)


@pytest.mark.sampled
@pytest.mark.parametrize("case", CASES)
def test_a_callback_sees_the_model_as_it_is_and_changes_nothing(case, tmp_path):
    make, settings = CASES[case]
    plain, observed = (compiled(make, **settings) for _ in range(2))
    before = [(layer.stateful, layer.states) for layer in recurrent_layers(observed)]
    curious = Curious(tmp_path)
    assert train_in_windows(observed, curious) == train_in_windows(plain)
    assert curious.seen == ["batch", "epoch"]
    for value, expected in zip(observed.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert_as_it_was(observed, before)


@pytest.mark.thorough
@pytest.mark.parametrize("case", ["open batch", "stateful by itself"])
def test_so_does_one_of_a_run_in_a_folder(case, tmp_path):
    plain, observed = (compiled(CASES[case][0], **EAGERLY) for _ in range(2))
    curious = Curious(tmp_path)
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    found = train_in_folder(tmp_path / "observed", observed, curious, checkpoint)
    assert found == train_in_folder(tmp_path / "plain", plain)
    assert curious.seen == ["batch", "epoch"]
    last = keras.models.load_model(tmp_path / "2.keras").get_weights()
    assert [value.shape for value in last] == [value.shape for value in plain.get_weights()]


def test_states_of_a_layer_that_is_stateful_itself_come_back(tmp_path):
    model = compiled(CASES["stateful by itself"][0], run_eagerly=True)
    inputs, _ = stream(seed=3)
    model(inputs)
    (layer,) = recurrent_layers(model)
    (before,) = (keras.ops.convert_to_numpy(state) for state in layer.states)
    assert np.any(before)
    train_in_windows(model)
    train_in_folder(tmp_path, model)
    assert layer.stateful
    (after,) = (keras.ops.convert_to_numpy(state) for state in layer.states)
    np.testing.assert_array_equal(after, before)


def test_layers_that_are_stateful_themselves_go_on_exactly_after_an_interruption(tmp_path):
    whole, begun, resumed = (
        compiled(CASES["stateful by itself"][0], run_eagerly=True) for _ in range(3)
    )
    expected = train_in_folder(tmp_path / "whole", whole, carry_states=False)
    train_in_folder(tmp_path / "parts", begun, epochs=1, carry_states=False)
    resumed._initial_epoch = 1  # as BackupAndRestore leaves it
    assert train_in_folder(tmp_path / "parts", resumed, carry_states=False) == expected
    with pytest.raises(ValueError, match="`callbacks` must be without BackupAndRestore"):
        train_in_folder(tmp_path / "parts", resumed, keras.callbacks.BackupAndRestore(tmp_path))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("case", ["open batch", "stateful by itself"])
@pytest.mark.parametrize("moment", ["on_train_batch_end", "on_test_batch_end", "on_epoch_end"])
def test_an_interrupt_leaves_the_layers_as_they_were(case, moment, tmp_path):
    model = compiled(CASES[case][0], run_eagerly=True)
    before = [(layer.stateful, layer.states) for layer in recurrent_layers(model)]
    with pytest.raises(KeyboardInterrupt):
        train_in_folder(tmp_path / "run", model, Stops(moment))
    assert_as_it_was(model, before)


def test_a_run_goes_on_where_a_backup_was_made(tmp_path):
    whole, begun, resumed = (compiled(CASES["open batch"][0], run_eagerly=True) for _ in range(3))
    train_in_windows(whole)
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    stop = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: 1 // (1 - epoch))
    with pytest.raises(ZeroDivisionError):
        train_in_windows(begun, backup, stop)
    assert len(train_in_windows(resumed, keras.callbacks.BackupAndRestore(tmp_path))["loss"]) == 1
    for value, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


@only_on("tensorflow", reason="ConvLSTM is Keras's own")
def test_states_of_any_rank_start_anew():
    layer = keras.layers.ConvLSTM1D(2, 3, padding="same", return_sequences=True)
    model = compiled(lambda: keras.Sequential([keras.Input((None, 5, 1)), layer]))
    inputs = np.ones((ROWS, 4, 5, 1), "float32")
    starts = np.zeros((ROWS, 4), bool)
    starts[1, 2] = True
    fit_truncated(model, (inputs, np.ones((ROWS, 4, 5, 2)), starts), window=2, verbose=0)
    carried = CarriedStates(model, ROWS)
    for state in carried._carried[layer]:
        state.assign(np.ones(state.shape))
    carried.start(starts[:, 2])
    for state in carried._carried[layer]:
        np.testing.assert_array_equal(keras.ops.sum(state, axis=(1, 2)), [10, 0, 10])


def test_layers_that_cannot_carry_are_named():
    inner = recurrent()
    inputs = keras.Input((None, 4, 2))
    model = keras.Model(inputs, keras.layers.TimeDistributed(inner, name="each")(inputs))
    with pytest.raises(ValueError, match=r"`model` must be without .* TimeDistributed.*'each'"):
        CarriedStates(model, ROWS)


@only_on("tensorflow", reason="it is its tf.function")
def test_a_step_that_keeps_its_trace_is_named():
    import tensorflow as tf

    class Traced(keras.Model):
        train_step = tf.function(keras.Model.train_step)

    model = nested(Traced)
    with pytest.raises(
        ValueError, match=r"`model` must be with a `train_step` that is not a tf.func"
    ):
        CarriedStates(model, ROWS)
