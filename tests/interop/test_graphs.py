"""Each small network loads right or raises, and what the error asks for makes it load right."""

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")

from keras_dlnotes import interop
from tests.interop import graphs, graphs_hidden, graphs_joined, graphs_more, graphs_paired
from tests.interop.networks import randomize

TABLES = (graphs, graphs_more, graphs_joined, graphs_paired, graphs_hidden)
GRAPHS = {name: graph for table in TABLES for name, graph in table.GRAPHS.items()}
RAISING = [name for name, graph in GRAPHS.items() if graph.raises]


def built(name):
    graph = GRAPHS[name]
    network = randomize(graph.network())
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    return graph, network, state, graph.model()


def assert_equal_outputs(graph, network, model):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(2, *shape)).astype("float32") for shape, _ in graph.inputs]
    tensors = [
        torch.from_numpy(array).movedim(-1, 1) if is_maps else torch.from_numpy(array)
        for array, (_, is_maps) in zip(arrays, graph.inputs, strict=True)
    ]
    if "_orig_mod" in network._modules:
        network = network["_orig_mod"]
    with torch.no_grad():
        expected = network(*tensors)
    if expected.ndim == 4:
        expected = expected.movedim(1, -1)
    ours = model(arrays if len(arrays) > 1 else arrays[0])
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ours), expected.numpy(), rtol=1e-5, atol=1e-5
    )


def assert_returns(graph, state, model, names):
    """The weights come back to the bit, and from there into another model."""
    back = interop.to_torch(model, names, like=state)
    for key in back:
        assert torch.equal(back[key], state[key]), key
    assert set(state) - set(back) <= {k for k in state if k.endswith("num_batches_tracked")}
    other = interop.load_torch(graph.model(), back, names)
    for old, new in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", [name for name in GRAPHS if name not in RAISING])
def test_loads_right(name):
    graph, network, state, model = built(name)
    assert interop.load_torch(model, state) is model
    assert_equal_outputs(graph, network, model)
    assert_returns(graph, state, model, None)


@pytest.mark.parametrize("name", RAISING)
def test_raises_and_loads_right_with_the_names_that_it_asks_for(name):
    graph, network, state, model = built(name)
    before = model.get_weights()
    with pytest.raises(ValueError, match=graph.raises) as caught:
        interop.load_torch(model, state)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    if not graph.names:
        return
    asked = {key: value for key, value in graph.names.items() if f'"{key}"' in str(caught.value)}
    assert asked
    interop.load_torch(model, state, asked)
    assert_equal_outputs(graph, network, model)
    assert_returns(graph, state, model, asked)


def test_there_are_enough():
    assert len(GRAPHS) >= 40
