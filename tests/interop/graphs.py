"""Small networks in PyTorch and in Keras: how features are flattened, and become maps.

Each loads right, or raises; for one that raises, `names` has what the error asks for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import torch
from torch import nn

from keras_dlnotes import layers
from tests.interop.networks import Network, normalization

MAPS, FEATURES = True, False  # whether an input of PyTorch has channels first


@dataclass
class Graph:
    """Both networks, the inputs' Keras shapes, and which of them are maps.

    `names` is complete, {} where no names help, and `raises` is what the error says, "" for none.
    """

    network: Callable
    model: Callable
    inputs: tuple = (((4, 5, 3), MAPS),)
    names: dict = field(default_factory=dict)
    raises: str = ""


def stack(shape, *entries):
    return keras.Sequential([keras.Input(shape), *entries])


def flatten_behind(*between):
    """A convolution, `Flatten`, something, and a `Dense` layer of 24 inputs."""
    head = keras.layers.Dense(2, name="head")
    return stack((4, 5, 3), layers.Conv2D(4, 3), keras.layers.Flatten(), *between, head)


def flattened(*between):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), *between, nn.Linear(24, 2))


def with_meta_data():
    image, meta = keras.Input((4, 5, 3)), keras.Input((3,))
    x = keras.layers.Flatten()(layers.Conv2D(4, 3)(image))
    x = keras.layers.Concatenate()([x, meta])
    return keras.Model([image, meta], keras.layers.Dense(2, name="head")(x))


def functional(shape, function):
    inputs = keras.Input(shape)
    return keras.Model(inputs, function(inputs))


def by_operations(operation, shape=(4, 5, 3)):
    def function(x):
        return keras.layers.Dense(2, name="head")(operation(layers.Conv2D(4, 3)(x)))

    return functional(shape, function)


def row_of(function):
    """1-D maps, something, and a `Dense` layer of 20 inputs."""

    def build(x):
        x = function(layers.Conv1D(4, 3, padding=1)(x))
        return keras.layers.Dense(2, name="head")(keras.layers.Flatten()(x))

    return functional((5, 3), build)


def row(*between):
    return nn.Sequential(nn.Conv1d(3, 4, 3, 1, 1), *between, nn.Flatten(), nn.Linear(20, 2))


class Plus(nn.Module):
    """The sum of what the branch gives and its input."""

    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return x + self.branch(x)


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def swapped(x):
    """Columns before rows, as some do in both frameworks."""
    return x.transpose(2, 3)


class Opaque(keras.layers.Layer):
    """A layer whose call takes no symbolic tensors."""

    def call(self, inputs):
        if isinstance(inputs, keras.KerasTensor):
            raise TypeError("this takes values alone")
        return inputs * 2

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)


def wise(x):
    return layers.Residual([layers.Conv1D(4, 3, padding=1)])(x)


def nested(x):
    return stack(x.shape[1:], layers.Conv1D(4, 1))(x)


def added(x):
    return keras.layers.Add()([x, layers.Conv1D(4, 1)(x)])


def shuffled(x):
    x = keras.layers.Reshape((2, 3, 2, 2))(x)
    return keras.layers.Reshape((2, 3, 4))(keras.layers.Permute((1, 2, 4, 3))(x))


GRAPHS = {
    "flattened maps beside meta data": Graph(
        lambda: Network(
            {"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(27, 2)},
            lambda m, x, y: m.fc(torch.cat([m.conv(x).flatten(1), y], 1)),
        ),
        with_meta_data,
        (((4, 5, 3), MAPS), ((3,), FEATURES)),
    ),
    "layer normalization": Graph(
        lambda: flattened(nn.LayerNorm(24, eps=1e-3)),
        lambda: flatten_behind(keras.layers.LayerNormalization()),
    ),
    "alpha dropout": Graph(
        lambda: flattened(nn.AlphaDropout()),
        lambda: flatten_behind(keras.layers.AlphaDropout(0.5)),
    ),
    "rescaling": Graph(
        lambda: flattened(Apply(lambda x: x * 0.5 + 1)),
        lambda: flatten_behind(keras.layers.Rescaling(0.5, 1)),
    ),
    "slopes": Graph(lambda: flattened(nn.PReLU(24)), lambda: flatten_behind(keras.layers.PReLU())),
    "keras.ops.relu": Graph(
        lambda: flattened(nn.ReLU()),
        lambda: by_operations(lambda x: keras.ops.relu(keras.layers.Flatten()(x))),
    ),
    "arithmetic": Graph(
        lambda: flattened(Apply(lambda x: (2 * x - 1) / 3)),
        lambda: by_operations(lambda x: (2 * keras.layers.Flatten()(x) - 1) / 3),
    ),
    "keras.ops.reshape": Graph(
        flattened, lambda: by_operations(lambda x: keras.ops.reshape(x, (-1, 24)))
    ),
    "Reshape": Graph(flattened, lambda: by_operations(keras.layers.Reshape((-1,)))),
    "a lambda": Graph(
        lambda: flattened(nn.Tanh()),
        lambda: flatten_behind(keras.layers.Lambda(keras.ops.tanh)),
    ),
    "Permute to channels first": Graph(
        flattened,
        lambda: by_operations(lambda x: keras.layers.Flatten()(keras.layers.Permute((3, 1, 2))(x))),
    ),
    "transposed to channels first": Graph(
        flattened,
        lambda: by_operations(
            lambda x: keras.ops.reshape(keras.ops.transpose(x, (0, 3, 1, 2)), (-1, 24))
        ),
    ),
    "rows and columns swapped": Graph(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Apply(swapped), nn.Flatten(), nn.Linear(24, 2)),
        lambda: by_operations(lambda x: keras.layers.Flatten()(keras.layers.Permute((2, 1, 3))(x))),
        names={"3": {"head": (3, 2, 4)}},
        raises="several orders",
    ),
    "part of the channels": Graph(
        lambda: Network(
            {"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(12, 2)},
            lambda m, x: m.fc(m.conv(x)[:, :2].flatten(1)),
        ),
        lambda: by_operations(lambda x: keras.layers.Flatten()(x[..., :2])),
    ),
    "mean over lengths": Graph(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Apply(lambda x: x.mean((2, 3))), nn.Linear(4, 2)),
        lambda: by_operations(lambda x: keras.ops.mean(x, axis=(1, 2))),
    ),
    "channel shuffle": Graph(
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ChannelShuffle(2), nn.Flatten(), nn.Linear(24, 2)
        ),
        lambda: by_operations(lambda x: keras.layers.Flatten()(shuffled(x))),
    ),
    "a layer that cannot be looked into": Graph(
        lambda: flattened(Apply(lambda x: 2 * x)),
        lambda: flatten_behind(Opaque(name="opaque")),
        names={"3": {"head": (2, 3, 4)}},
        raises="opaque",
    ),
    "such a layer before Flatten": Graph(
        lambda: flattened(Apply(lambda x: 2 * x)),
        lambda: by_operations(lambda x: keras.layers.Flatten()(Opaque(name="opaque")(x))),
        names={"3": {"head": (2, 3, 4)}},
        raises="opaque",
    ),
    "1-D maps": Graph(row, lambda: row_of(lambda x: x), (((5, 3), MAPS),)),
    "1-D maps, Add": Graph(
        lambda: row(Plus(nn.Conv1d(4, 4, 1))), lambda: row_of(added), (((5, 3), MAPS),)
    ),
    "1-D maps, Residual": Graph(
        lambda: row(Plus(nn.Conv1d(4, 4, 3, 1, 1))), lambda: row_of(wise), (((5, 3), MAPS),)
    ),
    "1-D maps, group normalization": Graph(
        lambda: row(nn.GroupNorm(2, 4, eps=1e-3)),
        lambda: row_of(keras.layers.GroupNormalization(2)),
        (((5, 3), MAPS),),
    ),
    "1-D maps, batch normalization": Graph(
        lambda: row(nn.BatchNorm1d(4)), lambda: row_of(normalization()), (((5, 3), MAPS),)
    ),
    "1-D maps, nested model": Graph(
        lambda: row(nn.Conv1d(4, 4, 1)), lambda: row_of(nested), (((5, 3), MAPS),)
    ),
    "1-D maps, layer normalization": Graph(
        lambda: row(Apply(lambda x: x.transpose(1, 2)), nn.LayerNorm(4, eps=1e-3)),
        lambda: row_of(keras.layers.LayerNormalization()),
        (((5, 3), MAPS),),
        names={"4": {"head": None}},
        raises="several orders",
    ),
}
