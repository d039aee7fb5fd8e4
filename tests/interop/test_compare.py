"""The table of pairs of layers, of a model converted or ported by hand."""

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="a PyTorch module is compared here")

from torch import nn  # noqa: E402

from keras_dlnotes import interop, layers  # noqa: E402
from tests.interop.torch_modules import shaken  # noqa: E402


def _network():
    return shaken(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(36, 2)
        )
    )


def _by_hand(network):
    model = keras.Sequential(
        [
            keras.Input((3, 3, 3)),
            layers.Conv2D(4, 3, padding=1, name="0"),
            keras.layers.ReLU(name="1"),
            keras.layers.Permute((3, 1, 2)),
            keras.layers.Flatten(name="2"),
            keras.layers.Dense(2, name="3"),
        ]
    )
    return interop.load_torch(model, network.state_dict())


BATCH = torch.rand(2, 3, 3, 3, generator=torch.Generator().manual_seed(3)) - 0.5


def test_a_model_ported_by_hand():
    network = _network()
    comparison = interop.compare(_by_hand(network), network, BATCH)
    assert [(pair.layer, pair.module) for pair in comparison.pairs] == [
        ("0", "0"),
        ("1", "1"),
        ("2", "2"),
        ("3", "3"),
        ("output 0", "(the module)"),
    ]
    assert comparison.first is None
    assert network.training


def test_the_first_pair_that_differs_is_marked():
    network = _network()
    model = _by_hand(network)
    with torch.no_grad():
        network[3].bias[1] += 1
    comparison = interop.compare(model, network, BATCH)
    assert comparison.first is comparison.pairs[3]
    expected = 1 / np.abs(network.eval()(BATCH).detach().numpy()).max()
    np.testing.assert_allclose(comparison.first.difference, expected, rtol=1e-4)
    marked = [line for line in str(comparison).splitlines() if "the first that differs" in line]
    assert len(marked) == 1
    assert marked[0].startswith("3 ")


@pytest.mark.thorough
def test_the_model_does_not_share_memory_with_the_module():
    for make in (_by_hand, lambda network: interop.from_torch(network, BATCH)):
        network = _network()
        model = make(network)
        before = [np.array(weight) for weight in model.get_weights()]
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 1
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def test_nan_and_other_shapes_differ():
    network = _network()
    model = keras.Sequential([keras.Input((3, 3, 3)), layers.Conv2D(4, 3, name="0")])
    assert np.isnan(interop.compare(model, network, BATCH).first.difference)
    with torch.no_grad():
        network[0].bias[0] = np.nan
    assert interop.compare(_by_hand(_network()), network, BATCH).first.layer == "0"


def test_a_converted_model_has_every_layer_of_the_module():
    network = _network()
    comparison = interop.compare(interop.from_torch(network, BATCH), network, BATCH)
    assert [pair.module for pair in comparison.pairs] == ["0", "1", "3", "(the module)"]
    assert comparison.first is None


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"keras_model": keras.layers.Dense(2)}, "keras_model"),
        (
            {"keras_model": keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])},
            "keras_model",
        ),
        ({"torch_module": 3}, "torch_module"),
    ],
    ids=["layer", "no pair", "module"],
)
def test_bad_arguments_are_named(arguments, name):
    network = nn.ModuleDict({"linear": nn.Linear(3, 2)})
    network.forward = lambda x: (network["linear"](x), x)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="linear")])
    given = {"keras_model": model, "torch_module": network, "batch": torch.ones(2, 3)}
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received: {name}="):
        interop.compare(**{**given, **arguments})
