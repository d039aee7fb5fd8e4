"""Batches that say little about the data: two rows, none; and invalid arguments of the layer."""

import keras
import numpy as np
import pytest

from keras_dlnotes import config, layers, training
from keras_dlnotes.ops import norm
from tests.backends import only_on

to_numpy = keras.ops.convert_to_numpy


def _moving_deviation(layer, batches):
    for batch in batches:
        layer(batch, training=True)
    return float(np.sqrt(to_numpy(layer.moving_variance)[0]))


@pytest.mark.thorough
def test_small_batches_bias_the_moving_deviation():
    """The deviation of two numbers from N(0, 1) is 1/√π = 0.56 on average, its square ½."""
    data = np.random.default_rng(0).normal(size=(200, 2, 1)).astype("float32")
    settings = {"momentum": 0.98}
    std = _moving_deviation(layers.BatchNormalization(**settings), data)
    variance = _moving_deviation(
        layers.BatchNormalization(**settings, moving_statistic="variance"), data
    )
    theirs = _moving_deviation(keras.layers.BatchNormalization(**settings), data)
    assert std**2 == pytest.approx(1 / np.pi, abs=0.1)
    assert variance**2 == pytest.approx(0.5, abs=0.1)
    assert std < variance
    assert variance == pytest.approx(theirs, rel=1e-5)


def test_the_statistics_of_all_data_mend_it():
    data = np.random.default_rng(0).normal(size=(4000, 1)).astype("float32")
    model = keras.Sequential([keras.Input((1,)), layers.BatchNormalization()])
    training.recompute_statistics(model, data)
    assert to_numpy(model.layers[0].moving_variance)[0] == pytest.approx(data.var(), rel=1e-4)


@pytest.mark.parametrize("statistic", ["std", "variance"])
def test_an_empty_batch_leaves_the_moving_statistics(statistic):
    layer = layers.BatchNormalization(moving_statistic=statistic)
    layer(np.random.default_rng(0).normal(3, 2, (8, 3)).astype("float32"), training=True)
    before = layer.get_weights()
    assert tuple(layer(np.zeros((0, 3), "float32"), training=True).shape) == (0, 3)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@only_on("tensorflow", reason="whose graphs may leave the batch open")
def test_an_empty_batch_in_a_graph_leaves_them_as_well():
    import tensorflow as tf

    layer = layers.BatchNormalization()
    layer.build((None, 3))
    step = tf.function(
        lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, 3))]
    )
    step(np.random.default_rng(0).normal(3, 2, (8, 3)).astype("float32"))
    before = layer.get_weights()
    step(np.zeros((0, 3), "float32"))
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@only_on("tensorflow", reason="where XLA compiles large tensors alone")
def test_the_path_that_is_explained_is_the_one_that_is_taken(monkeypatch):
    taken = []

    def recorded(word, op):
        return lambda *args, **settings: taken.append(word) or op(*args, **settings)

    monkeypatch.setattr(norm, "_compiled", recorded("compiled by XLA", norm._compiled))
    monkeypatch.setattr(norm, "_batch_normalize", recorded("plain", norm._batch_normalize))
    before = config.is_compilation_enabled()
    cases = [((4, 8), -1), ((512, 64, 64, 1), -1), ((0, 2**21), -1), ((2, 8, 3), 1)]
    try:
        for enabled in (True, False):
            config.set_compilation(enabled)
            for shape, axis in cases:
                layer = layers.BatchNormalization(axis)
                layer(np.zeros(shape, "float32"), training=True)
                assert taken[-1] in layer.explain_path(shape)
    finally:
        config.set_compilation(before)
    assert taken == ["plain", "compiled by XLA", "plain", "compiled by XLA", *["plain"] * 4]


def test_the_path_of_an_open_batch():
    layer = layers.BatchNormalization()
    assert layer.explain_path((None, 4, 3)) == layer.explain_path((32, 4, 3))
    assert layer.explain_path((None, 256, 256, 3)) == layer.explain_path((32, 256, 256, 3))
    assert layer.explain_path((None, None, 3)) == layer.explain_path((32, 1, 3))
    renormalized = layers.BatchNormalization(renorm=True)
    assert renormalized.explain_path((32, 3)).startswith("Keras's layer")


def test_a_layer_of_no_features():
    found = layers.BatchNormalization()(np.zeros((4, 0), "float32"), training=True)
    assert tuple(found.shape) == (4, 0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"axis": "1"}, "axis"),
        ({"axis": 1.0}, "axis"),
        ({"axis": [1]}, "axis"),
        ({"axis": True}, "axis"),
        ({"momentum": float("nan")}, "momentum"),
        ({"momentum": "0.9"}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"epsilon": float("inf")}, "epsilon"),
        ({"epsilon": None}, "epsilon"),
    ],
)
def test_wrong_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        layers.BatchNormalization(**arguments)


@pytest.mark.parametrize(
    ("arguments", "shape", "name"),
    [
        ({"axis": 2}, (4, 3), "axis"),
        ({"axis": -3}, (4, 3), "axis"),
        ({}, (4,), "inputs"),
        ({}, (None, None), "inputs"),
    ],
)
def test_inputs_that_lack_the_axis_are_named(arguments, shape, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        layers.BatchNormalization(**arguments).build(shape)
