"""The same networks, counted by PyTorch's own counter."""

from math import prod

import keras
import pytest

from keras_dlnotes import layers as ours
from keras_dlnotes import reports

L = keras.layers


def torch_flops(model, *shape) -> int:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros((1, *shape)))
    return counter.get_total_flops()


def test_flops_equal_those_of_pytorch_on_a_vgg():
    torch = pytest.importorskip("torch")
    widths, channels, stages = (8, 16, 32), 3, []
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for width in widths:
        for _ in range(2):
            stages += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
            model.add(L.Conv2D(width, 3, padding="same", activation="relu"))
            channels = width
        stages.append(torch.nn.MaxPool2d(2))
        model.add(L.MaxPooling2D())
    stages += [torch.nn.Flatten(), torch.nn.Linear(512, 64), torch.nn.ReLU()]
    for layer in (L.Flatten(), L.Dense(64, activation="relu"), L.Dense(10)):
        model.add(layer)
    twin = torch.nn.Sequential(*stages, torch.nn.Linear(64, 10))
    report = reports.summarize(model)
    assert report.total.flops == torch_flops(twin, 3, 32, 32)
    assert report.total.parameters == sum(weight.numel() for weight in twin.parameters())


def test_flops_equal_those_of_pytorch_on_a_residual_network():
    torch = pytest.importorskip("torch")

    class Block(torch.nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.branch = torch.nn.Sequential(
                torch.nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                torch.nn.BatchNorm2d(outputs),
                torch.nn.ReLU(),
                torch.nn.Conv2d(outputs, outputs, 3, 1, 1, groups=2, bias=False),
                torch.nn.BatchNorm2d(outputs),
            )
            self.shortcut = torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False)

        def forward(self, x):
            return torch.relu(self.branch(x) + self.shortcut(x))

    def block(x, filters, stride):
        y = ours.Conv2D(filters, 3, stride, padding=1, use_bias=False)(x)
        y = L.ReLU()(ours.BatchNormalization()(y))
        y = ours.Conv2D(filters, 3, padding=1, groups=2, use_bias=False)(y)
        y = L.BatchNormalization()(y)
        return L.ReLU()(y + L.Conv2D(filters, 1, stride, use_bias=False)(x))

    inputs = keras.Input((33, 29, 3))
    outputs = block(block(inputs, 16, 2), 32, 2)
    outputs = L.Conv2DTranspose(4, 2, strides=2)(outputs)
    outputs = L.Dense(10)(L.GlobalAveragePooling2D()(outputs))
    twin = torch.nn.Sequential(
        *(Block(3, 16, 2), Block(16, 32, 2), torch.nn.ConvTranspose2d(32, 4, 2, 2)),
        *(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 10)),
    )
    report = reports.summarize(keras.Model(inputs, outputs))
    assert report.total.flops == torch_flops(twin, 3, 33, 29)
    trainable = sum(prod(weight.shape) for weight in twin.parameters())
    statistics = 4 * (16 + 32)
    assert report.total.parameters == trainable + statistics


def test_flops_equal_those_of_pytorch_on_self_attention():
    torch = pytest.importorskip("torch")

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x, need_weights=True)[0]

    inputs = keras.Input((6, 8))
    model = keras.Model(inputs, L.MultiHeadAttention(2, 4)(inputs, inputs))
    assert reports.summarize(model).total.flops == torch_flops(Attention(), 6, 8)
