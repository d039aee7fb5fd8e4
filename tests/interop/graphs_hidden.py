"""Models whose layers are called where no graph shows it."""

import keras
from torch import nn

from keras_dlnotes import layers
from tests.interop.graphs import FEATURES, Graph, flattened


class Hidden(keras.Model):
    """One whose call takes no symbolic tensors."""

    def __init__(self, maps):
        super().__init__()
        if maps:
            self.steps = [layers.Conv2D(4, 3), keras.layers.Flatten()]
        else:
            self.steps = [keras.layers.Dense(3, activation="tanh")]
        self.head = keras.layers.Dense(2, name="head")

    def call(self, x):
        if isinstance(x, keras.KerasTensor):
            raise TypeError("this takes values alone")
        for step in self.steps:
            x = step(x)
        return self.head(x)


def called(model, shape):
    model(keras.ops.zeros((1, *shape)))
    return model


GRAPHS = {
    "a model that cannot be looked into": Graph(
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)),
        lambda: called(Hidden(maps=False), (4,)),
        (((4,), FEATURES),),
    ),
    "such a model of maps": Graph(
        flattened,
        lambda: called(Hidden(maps=True), (4, 5, 3)),
        names={"2": {"head": (2, 3, 4)}},
        raises="in which order",
    ),
}
