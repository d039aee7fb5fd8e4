"""Networks drawn at random, written in PyTorch and in Keras at once."""

import random

import keras
import numpy as np
import torch
from torch import nn

from keras_dlnotes import layers
from tests.interop.networks import Network, normalization

MAPS_STEPS = (
    "convolution activation batch_norm group_norm layer_norm each_position add join nest pool "
    "flatten flatten"
)
FEATURES_STEPS = "dense activation batch_norm layer_norm scale slopes add join maps maps"


class RandomNetwork:
    """Draws a network of one input; `network` is PyTorch's, `model` Keras's.

    Names agree nowhere, and PyTorch's modules are defined in the order of their use.
    """

    def __init__(self, seed: int):
        self.draw = random.Random(seed)
        self.rank = self.draw.choice([1, 2])
        self.shape = ((6,), (4, 6))[self.rank - 1] + (3,)
        self.modules, self.steps = {}, []
        self.is_maps = True
        inputs = keras.Input(self.shape)
        self.x = inputs
        self.convolution()
        for _ in range(self.draw.randint(1, 6)):
            steps = MAPS_STEPS if self.is_maps else FEATURES_STEPS
            getattr(self, self.draw.choice(steps.split()))()
        if self.is_maps:
            self.flatten()
        self.x = keras.layers.Dense(2)(self.x)
        self.then(nn.LazyLinear(2))
        self.network = Network(self.modules, self._run)
        self.model = keras.Model(inputs, self.x)
        self._run(self.network, torch.zeros(2, 3, *self.shape[:-1]))  # lazy modules get their sizes

    def _run(self, modules, x):
        for step in self.steps:
            x = step(modules, x)
        return x

    def module(self, module) -> str:
        name = f"step{chr(ord('a') + len(self.modules))}"
        self.modules[name] = module
        return name

    def then(self, module) -> None:
        name = self.module(module)
        self.steps.append(lambda modules, x: modules[name](x))

    def _kinds(self, name):
        return getattr(layers, f"{name}{self.rank}D"), getattr(nn, f"Conv{self.rank}d")

    def _convolved(self, filters, size):
        """Keras's convolution of what there is, and the name of PyTorch's module."""
        ours, theirs = self._kinds("Conv")
        name = self.module(theirs(self.x.shape[-1], filters, size, padding=size // 2))
        return ours(filters, size, padding=size // 2)(self.x), name

    def convolution(self):
        self.x, name = self._convolved(self.draw.choice([2, 4]), self.draw.choice([1, 3]))
        self.steps.append(lambda modules, x: modules[name](x))

    def activation(self):
        ways = [
            keras.layers.Activation("tanh"),
            keras.ops.tanh,
            keras.layers.Lambda(keras.ops.tanh),
        ]
        self.x = self.draw.choice(ways)(self.x)
        self.steps.append(lambda modules, x: torch.tanh(x))

    def batch_norm(self):
        self.x = normalization()(self.x)
        kind = getattr(nn, f"BatchNorm{self.rank if self.is_maps else 1}d")
        self.then(kind(self.x.shape[-1]))

    def group_norm(self):
        self.x = keras.layers.GroupNormalization(1, epsilon=1e-5)(self.x)
        self.then(nn.GroupNorm(1, self.x.shape[-1]))

    def _last(self, module):
        """With channels last, as PyTorch's program brings them there and back."""
        name, is_maps = self.module(module), self.is_maps
        self.steps.append(
            lambda modules, x: (
                modules[name](x.movedim(1, -1)).movedim(-1, 1) if is_maps else modules[name](x)
            )
        )

    def layer_norm(self):
        self.x = keras.layers.LayerNormalization(epsilon=1e-5)(self.x)
        self._last(nn.LayerNorm(self.x.shape[-1]))

    def each_position(self):
        self._last(nn.Linear(self.x.shape[-1], 3))
        self.x = keras.layers.Dense(3)(self.x)

    def dense(self):
        units = self.draw.choice([12, 24])
        self.then(nn.Linear(self.x.shape[-1], units))
        self.x = keras.layers.Dense(units)(self.x)

    def _beside(self, size):
        """Another layer of the same input."""
        if self.is_maps:
            return self._convolved(size, 1)
        name = self.module(nn.Linear(self.x.shape[-1], size))
        return keras.layers.Dense(size)(self.x), name

    def add(self):
        y, name = self._beside(self.x.shape[-1])
        self.x = self.draw.choice([keras.layers.Add(), sum])([self.x, y])
        self.steps.append(lambda modules, x: x + modules[name](x))

    def join(self):
        y, name = self._beside(4)
        self.x = keras.layers.Concatenate()([self.x, y])
        self.steps.append(lambda modules, x: torch.cat([x, modules[name](x)], 1))

    def nest(self):
        outer, self.x = self.x, keras.Input(self.x.shape[1:])
        inputs = self.x
        self.convolution()
        self.x = keras.Model(inputs, self.x)(outer)

    def pool(self):
        if all(size % 2 == 0 for size in self.x.shape[1:-1]):
            self.x = self._kinds("MaxPooling")[0](2)(self.x)
            self.steps.append(lambda modules, x: getattr(nn, f"MaxPool{x.ndim - 2}d")(2)(x))

    def flatten(self):
        first = (self.rank + 1, *range(1, self.rank + 1))
        size = int(np.prod(self.x.shape[1:]))
        ways = [
            keras.layers.Flatten(),
            keras.layers.Reshape((-1,)),
            lambda x: keras.ops.reshape(x, (-1, size)),
            lambda x: keras.layers.Flatten()(keras.layers.Permute(first)(x)),
            lambda x: keras.ops.reshape(keras.ops.moveaxis(x, -1, 1), (-1, size)),
        ]
        self.x, self.is_maps = self.draw.choice(ways)(self.x), False
        self.steps.append(lambda modules, x: x.flatten(1))

    def scale(self):
        self.x = self.x * 2 - 1
        self.steps.append(lambda modules, x: x * 2 - 1)

    def slopes(self):
        self.x = keras.layers.PReLU()(self.x)
        self.then(nn.PReLU(self.x.shape[-1]))

    def maps(self):
        size = self.x.shape[-1]
        if size % 8:
            return
        lengths = (size // 4,) if self.rank == 1 else (2, size // 8)
        if self.draw.random() < 0.5:
            self.x = keras.layers.Reshape((*lengths, 4))(self.x)
        else:
            last = (*range(2, self.rank + 2), 1)
            self.x = keras.layers.Permute(last)(keras.layers.Reshape((4, *lengths))(self.x))
        self.is_maps = True
        self.steps.append(lambda modules, x: x.view(-1, 4, *lengths))
        if self.draw.random() < 0.8:
            self.convolution()
