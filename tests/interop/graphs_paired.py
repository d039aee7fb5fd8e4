"""Small networks whose layers are alike: names or order must say which is which."""

import keras
import torch
from torch import nn

from keras_dlnotes import layers
from tests.interop.graphs import FEATURES, Graph, functional, stack
from tests.interop.networks import Network


class Sides(keras.Model):
    """Subclassed, with PyTorch's names; defined in another order there."""

    def __init__(self):
        super().__init__()
        self.first = keras.layers.Dense(4)
        self.second = keras.layers.Dense(4)

    def call(self, x):
        return self.second(keras.ops.tanh(self.first(x)))


def sides():
    model = Sides()
    model(keras.KerasTensor((None, 4)))
    return model


def other_order(names=("one", "two")):
    return stack((4,), *(keras.layers.Dense(4, activation="tanh", name=name) for name in names))


def residual(names):
    """Its last convolution and the shortcut have the same shape."""
    names = iter(names)

    def conv(x, size, filters):
        return layers.Conv2D(filters, size, padding=size // 2, name=next(names, None))(x)

    def function(x):
        y = conv(conv(x, 3, 3), 1, 4)
        return y + conv(x, 1, 4)

    return functional((4, 5, 3), function)


def residual_network():
    return Network(
        {
            "a": nn.Conv2d(3, 3, 3, 1, 1),
            "b": nn.Conv2d(3, 4, 1),
            "short": nn.Conv2d(3, 4, 1),
        },
        lambda m, x: m.b(m.a(x)) + m.short(x),
    )


def branches():
    """Of equal width and unequal depth."""

    def function(x):
        y = x
        for number in range(3):
            y = keras.layers.Dense(4, activation="tanh", name=f"left{number}")(y)
        z = keras.layers.Dense(4, activation="tanh", name="right")(x)
        return keras.layers.Concatenate()([y, z])

    return functional((4,), function)


def unequal_branches(m, x):
    y = x
    for step in (m.a, m.b, m.c):
        y = torch.tanh(step(y))
    return torch.cat([y, torch.tanh(m.d(x))], 1)


def queries():
    """Three projections of equal shape beside each other."""

    def function(x):
        q, k, v = (keras.layers.Dense(4, name=name)(x) for name in ("asks", "has", "gives"))
        scores = keras.ops.softmax(keras.ops.matmul(q, keras.ops.transpose(k, (0, 2, 1))))
        return keras.ops.matmul(scores, v)

    return functional((5, 4), function)


def attention(m, x):
    scores = torch.softmax(m.one(x) @ m.two(x).transpose(1, 2), -1)
    return scores @ m.three(x)


GRAPHS = {
    "equal shapes in another order": Graph(
        lambda: Network(
            {"two": nn.Linear(4, 4), "one": nn.Linear(4, 4)},
            lambda m, x: torch.tanh(m.two(torch.tanh(m.one(x)))),
        ),
        other_order,
        (((4,), FEATURES),),
    ),
    "equal shapes in another order, prefixes": Graph(
        lambda: nn.ModuleDict(
            {
                "_orig_mod": Network(
                    {"block_2": nn.Linear(4, 4), "block_1": nn.Linear(4, 4)},
                    lambda m, x: torch.tanh(m.block_2(torch.tanh(m.block_1(x)))),
                )
            }
        ),
        lambda: other_order(("block1", "block2")),
        (((4,), FEATURES),),
    ),
    "attributes in another order": Graph(
        lambda: Network(
            {"second": nn.Linear(4, 4), "first": nn.Linear(4, 4)},
            lambda m, x: m.second(torch.tanh(m.first(x))),
        ),
        sides,
        (((4,), FEATURES),),
    ),
    "numbers in another order, without names": Graph(
        lambda: Network(
            {"step2": nn.Linear(4, 4), "step1": nn.Linear(4, 4)},
            lambda m, x: torch.tanh(m.step2(torch.tanh(m.step1(x)))),
        ),
        lambda: other_order(("in", "out")),
        (((4,), FEATURES),),
        names={"step1": "in", "step2": "out"},
        raises="several ways",
    ),
    "one counts from 0, one from 1": Graph(
        lambda: Network(
            {"step0": nn.Linear(4, 4), "step1": nn.Linear(4, 4)},
            lambda m, x: torch.tanh(m.step1(torch.tanh(m.step0(x)))),
        ),
        lambda: other_order(("step_1", "step_2")),
        (((4,), FEATURES),),
        names={"step0": "step_1", "step1": "step_2"},
        raises="several ways",
    ),
    "the same beside each other": Graph(
        lambda: Network(
            {"step0": nn.Linear(4, 4), "step1": nn.Linear(4, 4)},
            lambda m, x: torch.cat([m.step0(x), m.step1(x)], 1),
        ),
        lambda: functional(
            (4,),
            lambda x: keras.layers.Concatenate()(
                [keras.layers.Dense(4, name=f"step_{number}")(x) for number in (1, 2)]
            ),
        ),
        (((4,), FEATURES),),
        names={"step0": "step_1", "step1": "step_2"},
        raises="several ways",
    ),
    "shortcut like the last convolution": Graph(
        residual_network,
        lambda: residual(("first", "last", "beside")),
        names={"b": "last", "short": "beside"},
        raises="several ways",
    ),
    "the same with names": Graph(residual_network, lambda: residual(("a", "b", "short"))),
    "branches of unequal depth": Graph(
        lambda: Network({name: nn.Linear(4, 4) for name in "dabc"}, unequal_branches),
        branches,
        (((4,), FEATURES),),
        names={"a": "left0", "b": "left1", "c": "left2", "d": "right"},
        raises="several ways",
    ),
    "projections beside each other": Graph(
        lambda: Network({n: nn.Linear(4, 4) for n in ("two", "one", "three")}, attention),
        queries,
        (((5, 4), FEATURES),),
        names={"one": "asks", "two": "has", "three": "gives"},
        raises="several ways",
    ),
}
