"""PyTorch networks and the same ones in Keras, for the tests of `interop`."""

import keras
import torch
from torch import nn

from keras_dlnotes import layers


class Network(nn.ModuleDict):
    """Modules in the order of their definition, and a function of them and the inputs."""

    def __init__(self, modules, function):
        super().__init__(modules)
        self.function = function

    def __getattr__(self, name):
        modules = self.__dict__.get("_modules", {})
        return modules[name] if name in modules else super().__getattr__(name)

    def forward(self, *inputs):
        return self.function(self, *inputs)


class BasicBlock(nn.Module):
    """ResNet's, as torchvision names it."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = nn.Sequential(
            nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)
        )

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.downsample(x))


def normalization(name=None):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def residual_model(is_named=True):
    """The block as a graph, the shortcut beside the convolutions."""

    def name(text):
        return text if is_named else None

    x = keras.Input((9, 11, 3))
    y = layers.Conv2D(4, 3, strides=2, padding=1, use_bias=False, name=name("conv1"))(x)
    y = keras.layers.ReLU()(normalization(name("bn1"))(y))
    y = layers.Conv2D(4, 3, padding=1, use_bias=False, name=name("conv2"))(y)
    y = normalization(name("bn2"))(y)
    shortcut = layers.Conv2D(4, 1, strides=2, use_bias=False, name=name("shortcut"))(x)
    shortcut = normalization(name("shortcut_bn"))(shortcut)
    return keras.Model(x, keras.layers.ReLU()(y + shortcut))


class DenseBlock(nn.Module):
    def __init__(self, channels, growth, count):
        super().__init__()
        self.steps = nn.ModuleList()
        for number in range(count):
            before = channels + number * growth
            self.steps.append(
                nn.Sequential(
                    nn.BatchNorm2d(before, eps=1.001e-5),
                    nn.ReLU(),
                    nn.Conv2d(before, 4 * growth, 1, bias=False),
                    nn.BatchNorm2d(4 * growth, eps=1.001e-5),
                    nn.ReLU(),
                    nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
                )
            )

    def forward(self, x):
        for step in self.steps:
            x = torch.cat([x, step(x)], 1)
        return x


class UNet(nn.Module):
    """Of depth 2, its modules in the order of their use."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = _twice(1, 4), _twice(4, 8)
        self.bottom = _twice(8, 16)
        self.up2, self.join2 = nn.ConvTranspose2d(16, 8, 2, 2), _twice(16, 8)
        self.up1, self.join1 = nn.ConvTranspose2d(8, 4, 2, 2), _twice(8, 4)
        self.classes = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        first = self.down1(x)
        second = self.down2(nn.functional.max_pool2d(first, 2))
        y = self.bottom(nn.functional.max_pool2d(second, 2))
        y = self.join2(torch.cat([second, self.up2(y)], 1))
        y = self.join1(torch.cat([first, self.up1(y)], 1))
        return self.classes(y)


def _twice(channels, filters):
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(filters, filters, 3, padding=1),
        nn.ReLU(),
    )


class Recurrent(nn.Module):
    """A recurrent module; the outputs of all steps alone, batch first."""

    def __init__(self, kind, *arguments, **options):
        super().__init__()
        self.rnn = kind(*arguments, batch_first=True, **options)

    def forward(self, x):
        return self.rnn(x)[0]


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


def vgg():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(6 * 2 * 3, 10),
        nn.BatchNorm1d(10),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(10, 5),
    )
    model = keras.Sequential(
        [
            keras.Input((8, 12, 3)),
            layers.Conv2D(4, 3, padding=1),
            normalization(),
            keras.layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, padding=1, activation="relu"),
            layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
            normalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(5),
        ]
    )
    return network, model


def randomize(network):
    """Gives every tensor values of its own, the statistics of normalizations included."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return network.eval()
