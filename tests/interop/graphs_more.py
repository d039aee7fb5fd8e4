"""More small networks: features that become maps, sequences, and branches that are alike."""

import keras
import torch
from torch import nn

from keras_dlnotes import layers
from tests.interop.graphs import (
    FEATURES,
    MAPS,
    Apply,
    Graph,
    Opaque,
    Plus,
    flattened,
    functional,
    stack,
)
from tests.interop.networks import Network, Recurrent, normalization


def generator(*between):
    return stack(
        (5,), keras.layers.Dense(24), *between, keras.layers.Reshape((2, 3, 4)), layers.Conv2D(2, 1)
    )


def generator_behind(layer):
    return stack(
        (5,),
        keras.layers.Dense(24, name="first"),
        layer,
        keras.layers.Reshape((2, 3, 4)),
        layers.Conv2D(2, 1),
    )


def generating(*between):
    return nn.Sequential(nn.Linear(5, 24), *between, nn.Unflatten(1, (4, 2, 3)), nn.Conv2d(4, 2, 1))


def twin():
    """One network for two images."""
    one, two = keras.Input((4, 5, 3)), keras.Input((4, 5, 3))
    tower = stack(
        (4, 5, 3), layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2, name="head")
    )
    return keras.Model([one, two], keras.layers.Subtract()([tower(one), tower(two)]))


def conditional():
    """A generator that is told the class."""
    noise, kind = keras.Input((5,)), keras.Input((3,))
    x = keras.layers.Concatenate()([noise, keras.layers.Dense(4)(kind)])
    x = normalization()(keras.layers.Dense(24)(x))
    x = keras.layers.Reshape((2, 3, 4))(keras.layers.ReLU()(x))
    return keras.Model([noise, kind], layers.Conv2D(2, 1)(x))


def skipped():
    """What is flattened is added to what a `Dense` layer makes of it."""

    def function(x):
        x = keras.layers.Flatten()(layers.Conv2D(4, 3)(x))
        y = keras.layers.Add()([x, keras.layers.Dense(24, activation="relu")(x)])
        return keras.layers.Dense(2, name="head")(y)

    return functional((4, 5, 3), function)


def videos():
    steps = stack((4, 5, 3), layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(3))
    return stack(
        (2, 4, 5, 3), keras.layers.TimeDistributed(steps), keras.layers.Dense(2, name="head")
    )


def part_of_features():
    def function(x):
        x = keras.layers.Dense(30, name="wide")(x)[:, :24]
        return layers.Conv2D(2, 1)(keras.layers.Reshape((2, 3, 4))(x))

    return functional((5,), function)


def excited():
    def function(x):
        x = layers.Conv2D(4, 3)(x)
        scale = keras.layers.GlobalAveragePooling2D()(x)
        scale = keras.layers.Dense(4, activation="sigmoid")(scale)
        x = keras.layers.Multiply()([x, keras.layers.Reshape((1, 1, 4))(scale)])
        return keras.layers.Dense(2)(keras.layers.Flatten()(x))

    return functional((4, 5, 3), function)


GRAPHS = {
    "maps of features": Graph(generating, generator, (((5,), FEATURES),)),
    "maps of normalized features": Graph(
        lambda: generating(nn.BatchNorm1d(24), nn.ReLU()),
        lambda: generator(normalization(), keras.layers.ReLU()),
        (((5,), FEATURES),),
    ),
    "maps of active features": Graph(
        lambda: generating(nn.Tanh()),
        lambda: generator(keras.layers.Lambda(keras.ops.tanh)),
        (((5,), FEATURES),),
    ),
    "maps of layer-normalized features": Graph(
        lambda: generating(nn.LayerNorm(24, eps=1e-3)),
        lambda: generator(keras.layers.LayerNormalization()),
        (((5,), FEATURES),),
    ),
    "maps of features that are lost": Graph(
        lambda: generating(Apply(lambda x: 2 * x)),
        lambda: generator_behind(Opaque(name="opaque")),
        (((5,), FEATURES),),
        names={"0": {"first": {"outputs": (2, 3, 4)}}},
        raises="opaque",
    ),
    "maps with a condition": Graph(
        lambda: Network(
            {
                "label": nn.Linear(3, 4),
                "fc": nn.Linear(9, 24),
                "norm": nn.BatchNorm1d(24),
                "conv": nn.Conv2d(4, 2, 1),
            },
            lambda m, x, y: m.conv(
                torch.relu(m.norm(m.fc(torch.cat([x, m.label(y)], 1)))).view(-1, 4, 2, 3)
            ),
        ),
        conditional,
        (((5,), FEATURES), ((3,), FEATURES)),
    ),
    "flattened maps plus a dense layer": Graph(
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.Flatten(),
            Plus(nn.Sequential(nn.Linear(24, 24), nn.ReLU())),
            nn.Linear(24, 2),
        ),
        skipped,
    ),
    "flattened in a nested model": Graph(
        flattened,
        lambda: stack(
            (4, 5, 3),
            stack((4, 5, 3), layers.Conv2D(4, 3), keras.layers.Flatten()),
            keras.layers.Dense(2),
        ),
    ),
    "a tower for two images": Graph(
        lambda: Network(
            {"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(24, 2)},
            lambda m, x, y: m.fc(m.conv(x).flatten(1)) - m.fc(m.conv(y).flatten(1)),
        ),
        twin,
        (((4, 5, 3), MAPS), ((4, 5, 3), MAPS)),
    ),
    "videos": Graph(
        lambda: Network(
            {"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(24, 3), "head": nn.Linear(3, 2)},
            lambda m, x: m.head(
                m.fc(m.conv(x.movedim(-1, 2).flatten(0, 1)).flatten(1)).view(-1, 2, 3)
            ),
        ),
        videos,
        (((2, 4, 5, 3), FEATURES),),
    ),
    "maps as a sequence of positions": Graph(
        lambda: Network(
            {"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(4, 3), "head": nn.Linear(18, 2)},
            lambda m, x: m.head(m.fc(m.conv(x).flatten(2).transpose(1, 2)).flatten(1)),
        ),
        lambda: stack(
            (4, 5, 3),
            layers.Conv2D(4, 3),
            keras.layers.Reshape((6, 4)),
            keras.layers.Dense(3),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="head"),
        ),
        names={"head": {"head": None}},
        raises="several orders",
    ),
    "1-D maps, a layer for each position": Graph(
        lambda: nn.Sequential(
            nn.Conv1d(3, 4, 3),
            Apply(lambda x: x.transpose(1, 2)),
            nn.Linear(4, 3),
            Apply(lambda x: x.transpose(1, 2)),
            nn.Flatten(),
            nn.Linear(9, 2),
        ),
        lambda: stack(
            (5, 3),
            layers.Conv1D(4, 3),
            keras.layers.Dense(3),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="head"),
        ),
        (((5, 3), MAPS),),
        names={"5": {"head": (3, 3)}},
        raises="several orders",
    ),
    "maps made as PyTorch makes them": Graph(
        generating,
        lambda: stack(
            (5,),
            keras.layers.Dense(24),
            keras.layers.Reshape((4, 2, 3)),
            keras.layers.Permute((2, 3, 1)),
            layers.Conv2D(2, 1),
        ),
        (((5,), FEATURES),),
    ),
    "maps made in two steps": Graph(
        generating,
        lambda: stack(
            (5,),
            keras.layers.Dense(24),
            keras.layers.Reshape((6, 4)),
            keras.layers.Reshape((2, 3, 4)),
            layers.Conv2D(2, 1),
        ),
        (((5,), FEATURES),),
    ),
    "maps of a part of the features": Graph(
        lambda: Network(
            {"fc": nn.Linear(5, 30), "conv": nn.Conv2d(4, 2, 1)},
            lambda m, x: m.conv(m.fc(x)[:, :24].view(-1, 4, 2, 3)),
        ),
        part_of_features,
        (((5,), FEATURES),),
        raises="two orders",
    ),
    "squeeze and excite": Graph(
        lambda: Network(
            {"conv": nn.Conv2d(3, 4, 3), "fc": nn.Linear(4, 4), "head": nn.Linear(24, 2)},
            lambda m, x: m.head(
                (m.conv(x) * torch.sigmoid(m.fc(m.conv(x).mean((2, 3))))[..., None, None]).flatten(
                    1
                )
            ),
        ),
        excited,
    ),
    "maps as a sequence of rows": Graph(
        lambda: Network(
            {"conv": nn.Conv2d(3, 4, 3), "rnn": nn.RNN(12, 3, batch_first=True)},
            lambda m, x: m.rnn(m.conv(x).permute(0, 2, 1, 3).flatten(2))[0],
        ),
        lambda: stack(
            (4, 5, 3),
            layers.Conv2D(4, 3),
            keras.layers.Reshape((2, 12)),
            layers.SimpleRNN(3, return_sequences=True, name="steps"),
        ),
        names={"rnn": {"steps": (3, 4)}},
        raises="merged",
    ),
    "a normalized sequence, flattened": Graph(
        lambda: nn.Sequential(
            Recurrent(nn.RNN, 3, 4),
            Apply(lambda x: x.transpose(1, 2)),
            nn.BatchNorm1d(4),
            Apply(lambda x: x.transpose(1, 2)),
            nn.Flatten(),
            nn.Linear(20, 2),
        ),
        lambda: stack(
            (5, 3),
            layers.SimpleRNN(4, return_sequences=True),
            normalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="head"),
        ),
        (((5, 3), FEATURES),),
        names={"5": {"head": None}},
        raises="several orders",
    ),
}
