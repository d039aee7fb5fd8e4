"""What recurrent layers and cells are built and called with: defaults, names of what is wrong."""

import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.gradcheck import assert_close

SHAPE = (2, 4, 3)
UNITS = 2


def _inputs():
    return np.random.default_rng(0).normal(size=SHAPE).astype("float32")


def _random(layer, seed=1):
    layer.build(SHAPE)
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.weights])
    return layer


def _array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("more", [{}, {"reset_after": True}, {"reset_after": False}], ids=str)
def test_the_layer_and_its_cell_have_one_default_and_the_same_weights(more):
    layer = _random(layers.GRU(UNITS, **more))
    cell = layers.GRUCell.from_config(layers.GRUCell(UNITS, **more).get_config())
    assert cell.reset_after == layer.reset_after == more.get("reset_after", False)
    cell.build((2, 3))
    cell.set_weights(layer.get_weights())
    looped = keras.layers.RNN(cell)
    assert_close([_array(looped(_inputs()))], [_array(layer(_inputs()))], 1e-6)
    layer.set_weights(looped.get_weights())


def test_the_initial_weights_of_two_directions_are_set():
    for wanted in (layers.Bidirectional, keras.layers.Bidirectional):
        source = _random(wanted(layers.LSTM(UNITS)))
        weights = source.get_weights()
        layer = layers.Bidirectional(layers.LSTM(UNITS), weights=weights)
        assert_close([_array(layer(_inputs()))], [_array(source(_inputs()))], 1e-6)
    unequal = {
        "layer": layers.LSTM(UNITS, use_bias=False),
        "backward_layer": layers.GRU(UNITS, go_backwards=True),
    }
    weights = _random(layers.Bidirectional(**unequal)).get_weights()
    layer = layers.Bidirectional(**unequal, weights=weights)
    layer.build(SHAPE)
    assert_close(layer.get_weights(), weights, 1e-6)


def test_the_initial_weights_are_no_part_of_the_config():
    weights = _random(layers.Bidirectional(layers.GRU(UNITS))).get_weights()
    layer = layers.Bidirectional(layers.GRU(UNITS), weights=weights)
    assert "weights" not in layer.get_config()
    again = layers.Bidirectional.from_config(layer.get_config())
    again.build(SHAPE)
    layer.build(SHAPE)
    assert np.abs(again.get_weights()[0] - weights[0]).max() > 1e-3
    changed = [2 * array for array in weights]
    layer.set_weights(changed)
    layer.build(SHAPE)  # sets them no second time
    assert_close(layer.get_weights(), changed, 1e-6)


def _weights_but(**changes):
    layer = layers.Bidirectional(layers.GRU(UNITS))
    layer.build(SHAPE)
    weights = layer.get_weights()
    return [changes.get(f"number_{index}", array) for index, array in enumerate(weights)]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"weights": "abc"}, "weights"),
        ({"weights": np.ones(6)}, "weights"),
        ({"weights": []}, "weights"),
        ({"weights": [np.ones(3)]}, "weights"),
        ({"weights": _weights_but(number_4=np.ones((2, 2)))}, "weights"),
        ({"weights": _weights_but(number_4=1j * np.ones((2, 6)))}, "weights"),
        ({"merge_mode": "x"}, "merge_mode"),
        ({"layer": keras.layers.Dense(2)}, "layer"),
        ({"layer": "lstm"}, "layer"),
        ({"backward_layer": keras.layers.Dense(2)}, "backward_layer"),
    ],
)
def test_bad_arguments_of_two_directions_are_named(arguments, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be"):
        layers.Bidirectional(**{"layer": layers.GRU(UNITS), **arguments})(_inputs())


BAD = [
    ("units", 2.0),
    ("units", True),
    ("units", "2"),
    ("units", 2**40),
    ("activation", "no"),
    ("activation", 3),
    ("kernel_initializer", "no"),
    ("recurrent_initializer", "no"),
    ("bias_regularizer", "no"),
    ("recurrent_constraint", "no"),
    ("dropout", float("nan")),
    ("dropout", "0.5"),
    ("recurrent_dropout", True),
]
CLASSES = [f"{kind}{end}" for kind in ("SimpleRNN", "LSTM", "GRU") for end in ("", "Cell")]


@pytest.mark.parametrize("kind", CLASSES)
def test_bad_arguments_are_named(kind):
    gated = [("recurrent_activation", "no")] if "Simple" not in kind else []
    own = (
        [] if kind.endswith("Cell") else [("truncate", True), ("truncate", 2.0), ("truncate", [2])]
    )
    for name, value in (*BAD, *gated, *own):
        with pytest.raises(ValueError, match=rf"Argument `{name}` must be"):
            getattr(layers, kind)(**{"units": UNITS, name: value})


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        ({"sequences": np.ones((2, 0, 3), "float32")}, "sequences"),
        ({"sequences": np.ones((2, 4, 5), "float32")}, "sequences"),
        ({"mask": np.ones((2, 5), bool)}, "mask"),
        ({"mask": np.ones((2, 4, 3), bool)}, "mask"),
        ({"mask": np.ones((3, 4), bool)}, "mask"),
    ],
)
def test_bad_calls_are_named(kind, call, name):
    layer = _random(getattr(layers, kind)(UNITS))
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be"):
        layer(**{"sequences": _inputs(), **call})


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 4, 0), (2, 1, 3)])
def test_no_rows_no_features_and_one_step(kind, shape):
    for training in (True, False):
        layer = getattr(layers, kind)(UNITS, return_sequences=True, dropout=0.5)
        assert layer(np.ones(shape, "float32"), training=training).shape == (*shape[:2], UNITS)


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_the_masks_of_a_cell_are_stacked_once_a_sequence(kind, monkeypatch):
    cells = sys.modules[layers.LSTMCell.__module__]
    stacked, stack = [], cells._stacked
    monkeypatch.setattr(cells, "_stacked", lambda noise: stacked.append(0) or stack(noise))
    cell = getattr(layers, f"{kind}Cell")(UNITS, dropout=0.5, recurrent_dropout=0.5)
    layer = keras.layers.RNN(cell, unroll=True)
    found = [_array(layer(_inputs(), training=True)) for _ in range(2)]
    assert len(stacked) == 2 * 2  # of x and of h, in each call
    assert np.abs(found[0] - found[1]).max() > 1e-6  # new noise


def test_a_mask_that_all_gates_share_is_no_stack_of_four():
    layer = _random(layers.LSTM(UNITS, dropout=0.5))
    layer.cell.get_dropout_mask(_inputs()[:, 0])
    masks, none = layer.cell.dropout_masks(_inputs()[:, 0], None, True)
    assert masks.shape == (1, 2, 3) and none is None


@pytest.mark.parametrize("rate", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_a_rate_of_one_drops_what_keras_drops(kind, rate):
    found, more = [], {"reset_after": True} if kind == "GRU" else {}
    for module in (layers, keras.layers):
        # cells alone: Keras's layers have kernels on PyTorch that drop all
        cell = getattr(module, f"{kind}Cell")(UNITS, **{rate: 1.0, **more})
        found.append(_array(_random(keras.layers.RNN(cell))(_inputs(), training=True)))
    layer = _random(getattr(layers, kind)(UNITS, **{rate: 1.0, **more}))
    found.append(_array(layer(_inputs(), training=True)))
    assert_close(found[:2], [found[2]] * 2, 1e-6)
