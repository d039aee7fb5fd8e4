"""Truncated back-propagation over streams: windows, carried states, resets, and Keras's ways."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, training
from keras_dlnotes.training.windows import windows
from tests.backends import carries_states

pytestmark = carries_states
ROWS, STEPS = 3, 12


def _model(module=layers, name="GRU", **settings):
    keras.utils.set_random_seed(4)
    layer = getattr(module, name)(4, return_sequences=True, **settings)
    model = keras.Sequential([keras.Input((None, 2)), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


def _stream(seed=0, rows=ROWS, steps=STEPS):
    generator = np.random.default_rng(seed)
    shapes = (rows, steps, 2), (rows, steps, 1)
    return tuple(generator.normal(size=shape).astype("float32") for shape in shapes)


def _weights(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def test_windows_end_at_starts_and_at_the_end():
    steps = np.arange(10)[None].repeat(2, axis=0)
    starts = np.zeros((2, 10), bool)
    starts[1, 6] = True
    found = list(windows((steps, steps, starts), 4))
    assert [window.inputs[0].tolist() for window in found] == [[0, 1, 2, 3], [4, 5], [6, 7, 8, 9]]
    assert [window.starts[:, 0].tolist() for window in found] == [
        [True, True],
        [False, False],
        [False, True],
    ]


def test_pieces_are_put_together():
    steps = np.arange(11)[None]
    pieces = [(steps[:, a:b], steps[:, a:b]) for a, b in ((0, 2), (2, 3), (3, 9), (9, 11))]
    found = [window.inputs[0].tolist() for window in windows(pieces, 4)]
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_window_of_the_whole_length_is_fit(name):
    x, y = _stream()
    one, other = _model(name=name), _model(name=name)
    expected = one.fit(x, y, batch_size=ROWS, epochs=3, shuffle=False, verbose=0)
    found = training.fit_truncated(other, (x, y), window=STEPS, epochs=3, verbose=0)
    np.testing.assert_allclose(_weights(other), _weights(one), atol=1e-6)
    for key, values in expected.history.items():
        np.testing.assert_allclose(found.history[key], values, rtol=1e-5)


@pytest.mark.sampled
@pytest.mark.parametrize("module", [layers, keras.layers], ids=["ours", "keras"])
def test_states_are_carried_and_gradients_stop(module):
    """Against steps by hand: initial states given, and taken from the layer, window by window."""
    x, y = _stream()
    model = _model(module, "LSTM")
    if keras.backend.backend() == "torch" and module is keras.layers:
        with pytest.raises(ValueError, match=r"Argument `model` must be .*this package only"):
            training.fit_truncated(model, (x, y), window=5, verbose=0)
        return
    training.fit_truncated(model, (x, y), window=5, verbose=0)

    reference = _model(module, "LSTM")
    inputs, states = keras.Input((None, 2)), [keras.Input((4,)) for _ in range(2)]
    layer = reference.layers[0]
    outputs, *last = module.LSTM.from_config({**layer.get_config(), "return_state": True})(
        inputs, initial_state=states
    )
    stepped = keras.Model([inputs, *states], [keras.layers.Dense(1)(outputs), *last])
    stepped.set_weights(reference.get_weights())
    stepped.compile(keras.optimizers.SGD(0.1), ["mse", None, None])
    state = [np.zeros((ROWS, 4), "float32")] * 2
    for begin in range(0, STEPS, 5):
        piece = [x[:, begin : begin + 5], *state]
        _, *after = stepped.predict(piece, verbose=0)
        stepped.train_on_batch(piece, [y[:, begin : begin + 5], None, None])
        state = after
    np.testing.assert_allclose(_weights(model), _weights(stepped), atol=1e-6)


@pytest.mark.thorough
def test_rows_start_anew_where_a_sequence_starts():
    """Two sequences one after the other in each row are the same as twice the rows."""
    x, y = _stream(steps=8)
    starts = np.zeros((ROWS, 8), bool)
    starts[:, 4] = True
    seen = []

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])

    model = _model()
    model.optimizer.learning_rate = 0.0
    training.fit_truncated(model, (x, y, starts), window=8, callbacks=[Losses()], verbose=0)
    first, second = (
        float(model.evaluate(x[:, part], y[:, part], verbose=0)[0])
        for part in (slice(0, 4), slice(4, 8))
    )
    np.testing.assert_allclose(seen, [first, (first + second) / 2], rtol=1e-5)

    seen.clear()
    starts[1:] = False  # the first row alone starts anew
    training.fit_truncated(model, (x, y, starts), window=8, callbacks=[Losses()], verbose=0)
    whole = model.predict(x, verbose=0)[:, 4:]
    whole[0] = model.predict(x[:1, 4:], verbose=0)[0]
    second = np.mean((whole - y[:, 4:]) ** 2)
    np.testing.assert_allclose(seen, [first, (first + second) / 2], rtol=1e-5)


@pytest.mark.thorough
def test_the_model_is_afterwards_as_it_was():
    x, y = _stream()
    model = _model()
    layer = model.layers[0]
    before = layer.get_config(), len(model.variables)
    training.fit_truncated(model, (x, y), window=4, verbose=0)
    assert (layer.get_config(), len(model.variables)) == before
    assert layer.states is None
    one, all_rows = model.predict(x[:1], verbose=0), model.predict(x, verbose=0)
    np.testing.assert_allclose(one, all_rows[:1], atol=1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), all_rows, atol=1e-6)
    training.fit_truncated(model, _stream(rows=5), window=4, verbose=0)  # other rows, too


def test_the_model_is_as_it_was_after_an_error():
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model = _model()
    with pytest.raises(KeyboardInterrupt):
        training.fit_truncated(model, _stream(), window=4, callbacks=[Fails()], verbose=0)
    assert not model.layers[0].stateful
    assert model.predict(_stream()[0][:1], verbose=0).shape == (1, STEPS, 1)


def test_validation_leaves_the_carried_states_alone():
    x, y = _stream()
    with_validation, without = _model(), _model()
    history = training.fit_truncated(
        with_validation,
        (x, y),
        window=4,
        epochs=2,
        validation_data=_stream(1, rows=7),
        validation_batch_size=2,
        verbose=0,
    )
    training.fit_truncated(without, (x, y), window=4, epochs=2, verbose=0)
    np.testing.assert_allclose(_weights(with_validation), _weights(without), atol=1e-7)
    expected = with_validation.evaluate(*_stream(1, rows=7), verbose=0)
    np.testing.assert_allclose(history.history["val_loss"][-1], expected[0], rtol=1e-5)


@pytest.mark.thorough
def test_functions_and_memory_mapped_files_are_streams(tmp_path):
    x, y = _stream()
    for name, array in (("x", x), ("y", y)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = tuple(np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy")
    found = []
    for stream in ((x, y), mapped, lambda: ((x[:, [t]], y[:, [t]]) for t in range(STEPS))):
        model = _model()
        training.fit_truncated(model, stream, window=5, epochs=2, verbose=0)
        found.append(_weights(model))
    np.testing.assert_allclose(found[1:], [found[0]] * 2, atol=1e-7)


def test_callbacks_stop_and_a_bar_is_drawn(capsys):
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=10.0)
    history = training.fit_truncated(
        _model(), _stream(), window=4, epochs=5, callbacks=[stop], verbose=1
    )
    assert len(history.history["loss"]) == 2
    assert "3/3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"window": 0}, "window"),
        ({"epochs": 0}, "epochs"),
        ({"stream": 3}, "stream"),
        ({"stream": (np.ones((2, 3, 2)), np.ones((2, 4, 1)))}, "stream"),
        ({"stream": (np.ones((2, 3, 2)), np.ones((2, 3, 1)), np.ones((2, 4)))}, "stream"),
        ({"stream": (np.ones((2, 0, 2)), np.ones((2, 0, 1)))}, "stream"),
        ({"stream": iter([]), "epochs": 2}, "stream"),
    ],
)
def test_bad_arguments_are_named(changes, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be"):
        training.fit_truncated(
            **{"model": _model(), "stream": _stream(), "window": 4, "verbose": 0, **changes}
        )


def test_bad_models_are_named():
    dense = keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(1)])
    backward = _model(go_backwards=True)
    both = keras.Sequential(
        [keras.Input((None, 2)), layers.Bidirectional(layers.LSTM(2, return_sequences=True))]
    )
    for model in (dense, backward, both):
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match="Argument `model` must be"):
            training.fit_truncated(model, _stream(), window=4, verbose=0)
