"""What a stream is made of: starts, sample weights, arrays of every kind, lists and dicts."""

import keras
import numpy as np
import pandas
import pytest

from keras_dlnotes import layers, training
from keras_dlnotes.training.windows import whole, windows
from tests.backends import carries_states
from tests.metrics import OfFloat32

ROWS, STEPS = 2, 7
IDS = np.arange(ROWS * STEPS).reshape(ROWS, STEPS)
VALUES = IDS / 4
STARTS = np.zeros((ROWS, STEPS), bool)
STARTS[1, 3] = True
FRAME = pandas.DataFrame(IDS, index=[5, 1])


def lengths(stream, window=4):
    return [found.steps for found in windows(stream, window)]


@pytest.mark.parametrize(
    "starts", [STARTS, pandas.DataFrame(STARTS), keras.ops.convert_to_tensor(STARTS), STARTS[:]]
)
def test_starts_are_booleans(starts):
    assert lengths((IDS, IDS, starts)) == [3, 4]
    assert lengths((IDS, IDS)) == lengths((IDS, IDS, None)) == lengths((IDS, IDS, None, None))


@pytest.mark.parametrize(
    "starts",
    [
        STARTS.astype(dtype)
        for dtype in ("int64", "uint8", "float32", "float64", "complex64", "object")
    ]
    + [np.ones((ROWS, STEPS)), np.random.default_rng(0).uniform(size=(ROWS, STEPS))],
)
def test_numbers_are_no_starts(starts):
    with pytest.raises(ValueError, match="`stream` must be ") as error:
        whole((IDS, IDS, starts))
    if starts.dtype != object:
        assert "sample weights come after them: (inputs, targets, starts" in str(error.value)


@pytest.mark.parametrize("shape", [(ROWS, STEPS), (ROWS,), (ROWS, 1)])
@pytest.mark.parametrize("starts", [None, STARTS])
def test_weights_come_after_the_starts(shape, starts):
    weights = np.random.default_rng(0).uniform(size=shape)
    found = list(windows((IDS, IDS, starts, weights), 4))
    spread = weights if shape == (ROWS, STEPS) else weights.reshape(-1, 1).repeat(STEPS, axis=1)
    joined = np.concatenate([window.weights for window in found], axis=1)
    np.testing.assert_array_equal(joined, spread.astype("float32"))
    assert [window.weights.shape[1] for window in found] == lengths((IDS, IDS, starts))


def test_several_targets_have_weights_of_their_own_or_share_them():
    (window,) = windows((IDS, [IDS, IDS], None, np.array([1.0, 2.0])), STEPS)
    assert [part[:, 3].tolist() for part in window.weights] == [[1.0, 2.0]] * 2
    stream = IDS, {"a": IDS, "b": IDS}, None, {"a": VALUES, "b": np.array([1.0, 2.0])}
    (window,) = windows(stream, STEPS)
    np.testing.assert_array_equal(window.weights["a"], VALUES)
    assert window.weights["b"][:, 3].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("targets", "weights", "message"),
    [
        (IDS, np.ones((ROWS, STEPS - 1)), "sample weights of shape"),
        (IDS, np.ones(STEPS), "sample weights of shape"),
        (IDS, np.ones((ROWS, STEPS, 1)), "sample weights of shape"),
        (IDS, [np.ones(ROWS)], "sample weights for each"),
        ([IDS, IDS], [np.ones(ROWS)], "sample weights for each"),
        ({"a": IDS}, {"b": np.ones(ROWS)}, "sample weights for each"),
        (IDS, np.array(["a", "b"]), "arrays of real numbers"),
        (IDS, 1.0, "dense arrays"),
    ],
)
def test_weights_that_do_not_fit_are_refused(targets, weights, message):
    with pytest.raises(ValueError, match=f"`stream` must be .*{message}"):
        whole((IDS, targets, None, weights))


def test_windows_have_the_types_of_keras():
    for array in (VALUES, VALUES.astype("float16"), VALUES.astype(">f4"), pandas.DataFrame(VALUES)):
        (window,) = windows((array, FRAME, None, VALUES), STEPS)
        types = [part.dtype for part in (window.inputs, window.targets, window.weights)]
        assert types == ["float32", "int64", "float32"]
        np.testing.assert_array_equal(window.inputs, VALUES)
        np.testing.assert_array_equal(window.targets, IDS)


def test_pieces_with_lists_dicts_and_weights_are_put_together():
    def pieces():
        for begin, end in ((0, 2), (2, 3), (3, STEPS)):
            part = IDS[:, begin:end]
            yield [part, {"a": part}], (part,), None, [part / 4]

    found = list(windows(pieces, 5))
    assert [window.steps for window in found] == [5, 2]
    for place in (lambda window: window.inputs[1]["a"], lambda window: window.targets[0]):
        np.testing.assert_array_equal(np.concatenate(list(map(place, found)), axis=1), IDS)
    np.testing.assert_array_equal(found[1].weights[0], VALUES[:, 5:])


@pytest.mark.parametrize(
    "second",
    [
        (IDS, IDS, None, VALUES),
        ([IDS], IDS),
        ({"a": IDS}, IDS),
        (IDS[:1], IDS[:1]),
        (IDS, IDS[..., None]),
    ],
)
def test_pieces_that_differ_are_refused(second):
    with pytest.raises(ValueError, match=r"`stream` must be of arrays \(rows, …\) .* throughout"):
        list(windows([(IDS, IDS), second], 4))


@carries_states
def test_a_list_of_inputs_and_targets_is_trained_and_validated():
    keras.utils.set_random_seed(0)
    inputs = [keras.Input((None, 1)) for _ in range(2)]
    hidden = layers.SimpleRNN(2, return_sequences=True)(keras.layers.Concatenate()(inputs))
    outputs = [keras.layers.Dense(1, name=name)(hidden) for name in ("first", "second")]
    model = keras.Model(inputs, outputs)
    metrics = [[OfFloat32(name="own")], [OfFloat32(name="own")]]
    model.compile("sgd", ["mse", "mae"], weighted_metrics=metrics, run_eagerly=True)
    stream = [VALUES[..., None]] * 2, [VALUES[..., None]] * 2, STARTS, np.array([1.0, 0.5])
    validation = stream[0], stream[1], stream[3]
    history = training.fit_truncated(model, stream, 3, validation_data=validation, verbose=0)
    weights = [np.repeat([[1.0], [0.5]], STEPS, axis=1)] * 2
    expected = model.evaluate(*stream[:2], sample_weight=weights, verbose=0, return_dict=True)
    for name, value in expected.items():
        assert history.history[f"val_{name}"] == [pytest.approx(value, rel=1e-5)], name


@carries_states
def test_validation_that_is_read_once_is_refused():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((None, 1)), layers.GRU(1, return_sequences=True)])
    model.compile("sgd", "mse")
    batch = VALUES[..., None], VALUES[..., None]
    for data in (iter([batch]), (batch for _ in range(2)), {"x": batch}, batch[0], (batch[0],)):
        with pytest.raises(ValueError, match="Argument `validation_data` must be"):
            training.fit_truncated(model, batch, 3, validation_data=data, verbose=0)
