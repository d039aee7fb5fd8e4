"""Rules of the user's own for layers of the user's own."""

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")
from torch import nn

from keras_dlnotes import interop, layers
from tests.interop.comparing import compare, images, sequential


class Gain(keras.layers.Layer):
    """y = g x + A x, with a matrix that lies the other way round in PyTorch."""

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), name="gain")
        self.matrix = self.add_weight(shape=(shape[-1], shape[-1]), name="matrix")

    def call(self, x):
        return self.gain * x + keras.ops.matmul(x, self.matrix)


class TorchGain(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.g = nn.Parameter(torch.ones(size))
        self.a = nn.Parameter(torch.ones(size, size))

    def forward(self, x):
        return self.g * x + x @ self.a.T


class Scale(keras.layers.Layer):
    """Changes each value in its place."""

    def build(self, shape):
        self.factors = self.add_weight(shape=shape[1:], name="factors")

    def call(self, x):
        return x * self.factors


class TorchScale(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.s = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * self.s


class Around(keras.layers.Layer):
    """Has a weight of its own, and a layer inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.proj = keras.layers.Dense(3)

    def build(self, shape):
        self.token = self.add_weight(shape=(shape[-1],), name="token")
        self.proj.build(shape)

    def call(self, x):
        return self.proj(x + self.token)


class TorchAround(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.ones(3))
        self.proj = nn.Linear(3, 3)

    def forward(self, x):
        return self.proj(x + self.token)


@interop.rule(Gain)
def gain(layer):
    return {"g": layer.gain, "a": (layer.matrix, (1, 0))}


@interop.rule(Scale, elementwise=True)
def scale(layer):
    return {"s": layer.factors}


@interop.rule(Around)
def around(layer):
    return {"token": layer.token}


def test_weights_and_axes():
    compare(
        nn.Sequential(nn.Linear(3, 4), TorchGain(4)),
        sequential((3,), keras.layers.Dense(4), Gain()),
        images(2, 3),
    )


def test_functions_there_and_back():
    class Exponential(Scale):
        """Keras has the factors, PyTorch has their logarithms."""

    class TorchExponential(TorchScale):
        def forward(self, x):
            return x * self.s.exp()

    @interop.rule(Exponential, elementwise=True)
    def exponential(layer):
        return {"s": (layer.factors, np.log, np.exp)}

    network, model = nn.Sequential(TorchExponential(3)), sequential((3,), Exponential())
    interop.load_torch(model, network.state_dict())
    with torch.no_grad():
        expected = network(torch.from_numpy(images(2, 3))).numpy()
    ours = keras.ops.convert_to_numpy(model(images(2, 3)))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    back = interop.to_torch(model, like=network.state_dict())
    np.testing.assert_allclose(back["0.s"], network.state_dict()["0.s"], rtol=1e-6)


def test_layers_inside_keep_their_rules():
    compare(nn.Sequential(TorchAround()), sequential((3,), Around()), images(2, 3))


def test_order_behind_an_elementwise_layer():
    compare(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(), nn.Flatten(), nn.Linear(24, 2)),
        sequential(
            (4, 5, 3),
            layers.Conv2D(4, 3),
            keras.layers.PReLU(shared_axes=[1, 2, 3]),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ),
        images(2, 4, 5, 3),
    )


@pytest.mark.parametrize("layer", [Scale, Gain])
def test_own_weights_for_flattened_maps_are_refused(layer):
    model = sequential((4, 5, 3), layers.Conv2D(4, 3), keras.layers.Flatten(), layer(name="own"))
    with pytest.raises(ValueError, match="own"):
        interop.to_torch(model)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([1], "a dict"),
        ({"w": 3}, "'w': 3"),
        ({3: "factors"}, "3"),
        ({"w": ("factors", (0, 1))}, "every axis once"),
        ({"w": ("factors", np.exp)}, "to_keras"),
    ],
)
def test_what_a_rule_returns_is_checked(found, message):
    class Own(Scale):
        pass

    def weights(layer, entry):
        entry = entry if isinstance(entry, tuple) else (entry,)
        first = layer.factors if entry[0] == "factors" else entry[0]
        return (first, *entry[1:]) if len(entry) > 1 else first

    @interop.rule(Own)
    def own(layer):
        if isinstance(found, list):
            return found
        return {name: weights(layer, entry) for name, entry in found.items()}

    with pytest.raises(ValueError, match=message):
        interop.to_torch(sequential((3,), Own()))


def test_weights_that_a_rule_leaves_out_stay():
    class Standard(keras.layers.Normalization):
        pass

    @interop.rule(Standard, elementwise=True)
    def standard(layer):
        return {}

    model = sequential((3,), Standard(), keras.layers.Dense(2))
    before = model.layers[0].get_weights()
    interop.load_torch(model, nn.Sequential(nn.Linear(3, 2)).state_dict())
    for old, new in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_arguments_of_a_rule():
    for kinds in ((), ("Dense",), (int,)):
        with pytest.raises(ValueError, match="Argument `layers`"):
            interop.rule(*kinds)
    with pytest.raises(ValueError, match="Argument `elementwise`"):
        interop.rule(Scale, elementwise=1)
    with pytest.raises(ValueError, match="Argument `function`"):
        interop.rule(Scale)(3)
