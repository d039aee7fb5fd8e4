import keras
import numpy as np
import pytest

from keras_dlnotes.common import graph


@pytest.fixture
def nested():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="dense")], name="inner")
    inputs = keras.Input((4,))
    outputs = keras.layers.Add(name="add")([inner(inputs), inner(inner(inputs))])
    return keras.Model(inputs, outputs, name="outer")


def test_layers_of_a_model_are_listed_once_with_those_inside(nested):
    layers = graph.layers_of(nested)
    assert layers[0] is nested
    assert len(layers) == len(set(map(id, layers)))
    assert {"inner", "dense", "add"} <= {layer.name for layer in layers}
    assert graph.layers_of(lambda ids: ids) == []


def test_nodes_come_after_those_that_they_depend_on(nested):
    known = set(map(id, nested.inputs))
    nodes = graph.graph_nodes(graph.graph_inputs(nested), nested.outputs)
    assert [node.operation.name for node in nodes] == ["inner", "inner", "inner", "add"]
    for node in nodes:
        assert all(id(tensor) in known for tensor in node.input_tensors)
        known.update(map(id, node.outputs))


def test_first_nodes_are_those_of_the_own_graph(nested):
    nodes = graph.first_nodes(nested)
    assert nodes["inner"].input_tensors == nested.inputs
    assert nodes["inner"].outputs[0] is not nested.get_layer("inner").outputs[0]


def test_children_are_named_by_their_attributes():
    class Block(keras.Layer):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(1)
            self.rest = [keras.layers.Dense(2), keras.layers.Dense(3)]
            self.named = {"last": keras.layers.Dense(4)}

    found = {name: layer.units for name, layer in graph.children(Block())}
    assert found == {"first": 1, "rest/0": 2, "rest/1": 3, "named/last": 4}


def test_methods_are_replaced_until_the_context_ends():
    layer = keras.layers.Dense(1)
    x = np.ones((1, 1), "float32")
    normal = layer(x)
    with pytest.raises(KeyError), graph.replaced_methods(layer, call=lambda inputs: inputs + 1):
        with graph.replaced_methods(layer, call=lambda inputs: inputs + 2):
            assert layer(x) == 3
        assert layer(x) == 2
        raise KeyError
    assert "call" not in vars(layer)
    assert layer(x) == normal


def test_states_of_a_built_layer_are_set_without_becoming_weights():
    layer = keras.layers.SimpleRNN(2)
    layer.build((1, 3, 2))
    count = len(layer.variables)
    states = [keras.Variable(np.ones((1, 2)), trainable=False)]
    graph.set_states(layer, True, states)
    assert layer.stateful and layer.states is states
    assert len(layer.variables) == count


def test_suspended_states_start_anew_and_are_kept():
    layer = keras.layers.SimpleRNN(2, stateful=True)

    def outputs():
        return keras.ops.convert_to_numpy(layer(np.ones((1, 3, 2), "float32")))

    fresh = outputs()
    kept = keras.ops.convert_to_numpy(layer.states[0])
    with graph.suspended_states(layer):
        np.testing.assert_allclose(outputs(), fresh, rtol=1e-6)
    assert layer.stateful
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.states[0]), kept)
    assert not np.allclose(outputs(), fresh)


def test_an_epoch_that_was_backed_up_is_read_and_forgotten():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((1, 1))
    assert graph.backed_up_epoch(model) is None
    model._initial_epoch = 2  # as `BackupAndRestore` leaves it
    assert model.fit(x, x, epochs=3, verbose=0).epoch == [2]
    assert graph.backed_up_epoch(model) == 2
    graph.forget_backed_up_epoch(model)
    assert model.fit(x, x, epochs=3, verbose=0).epoch == [0, 1, 2]
