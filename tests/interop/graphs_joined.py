"""Features that are joined or reshaped once more, each of which was once loaded wrongly."""

import keras
import torch
from torch import nn

from keras_dlnotes import layers
from tests.interop.graphs import Graph, functional
from tests.interop.networks import Network


def joined_and_added():
    def function(x):
        x = keras.layers.Flatten()(layers.Conv2D(4, 3)(x))
        x = keras.layers.Concatenate()([x, keras.layers.Dense(4)(x)])
        return keras.layers.Dense(2)(x + keras.layers.Dense(28)(x))

    return functional((4, 5, 3), function)


def joined_with_slopes():
    def function(x):
        x = keras.layers.Flatten()(layers.Conv2D(4, 3)(x))
        x = keras.layers.Concatenate()([x, keras.layers.Dense(4)(x)])
        return keras.layers.Dense(2)(keras.layers.PReLU()(x))

    return functional((4, 5, 3), function)


def joined(m, x):
    x = m.conv(x).flatten(1)
    return torch.cat([x, m.more(x)], 1)


def flattened_into_maps(is_transposed):
    def function(x):
        x = keras.layers.Flatten()(layers.Conv2D(4, 3, name="first")(x))
        if is_transposed:
            x = keras.layers.Permute((2, 3, 1))(keras.layers.Reshape((4, 2, 3))(x))
        else:
            x = keras.layers.Reshape((2, 3, 4))(x)
        return layers.Conv2D(2, 1, name="second")(keras.ops.tanh(x))

    return functional((4, 5, 3), function)


def into_maps(m, x):
    return m.b(torch.tanh(m.a(x).flatten(1).view(-1, 4, 2, 3)))


def normalized_maps():
    def function(x):
        x = keras.layers.Reshape((2, 3, 4))(keras.layers.Dense(24, name="first")(x))
        x = keras.layers.Flatten()(keras.layers.LayerNormalization(epsilon=1e-5)(x))
        return keras.layers.Dense(2, name="last")(x)

    return functional((5,), function)


GRAPHS = {
    "joined features and a layer's outputs, added": Graph(
        lambda: Network(
            {
                "conv": nn.Conv2d(3, 4, 3),
                "more": nn.Linear(24, 4),
                "wide": nn.Linear(28, 28),
                "head": nn.Linear(28, 2),
            },
            lambda m, x: m.head(joined(m, x) + m.wide(joined(m, x))),
        ),
        joined_and_added,
    ),
    "slopes of joined features": Graph(
        lambda: Network(
            {
                "conv": nn.Conv2d(3, 4, 3),
                "more": nn.Linear(24, 4),
                "act": nn.PReLU(28),
                "head": nn.Linear(28, 2),
            },
            lambda m, x: m.head(m.act(joined(m, x))),
        ),
        joined_with_slopes,
    ),
    "flattened maps become maps": Graph(
        lambda: Network({"a": nn.Conv2d(3, 4, 3), "b": nn.Conv2d(4, 2, 1)}, into_maps),
        lambda: flattened_into_maps(False),
    ),
    "flattened maps become maps of PyTorch's order": Graph(
        lambda: Network({"a": nn.Conv2d(3, 4, 3), "b": nn.Conv2d(4, 2, 1)}, into_maps),
        lambda: flattened_into_maps(True),
        raises="two orders",
    ),
    "maps of features, normalized over channels": Graph(
        lambda: Network(
            {"a": nn.Linear(5, 24), "norm": nn.LayerNorm(4), "b": nn.Linear(24, 2)},
            lambda m, x: m.b(
                m.norm(m.a(x).view(-1, 4, 2, 3).movedim(1, -1)).movedim(-1, 1).flatten(1)
            ),
        ),
        normalized_maps,
        (((5,), False),),
        names={"a": {"first": {"outputs": (2, 3, 4)}}, "b": {"last": (2, 3, 4)}},
        raises="several orders",
    ),
}
