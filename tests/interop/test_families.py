"""Each kind of layer loads with equal outputs, and its weights go back exactly."""

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")
from torch import nn

from keras_dlnotes import interop, layers, models
from tests.interop import networks
from tests.interop.comparing import compare, images, sequential
from tests.interop.networks import Recurrent, randomize

FAMILIES = {
    "conv 1d": (
        lambda: nn.Sequential(nn.Conv1d(3, 4, 3, 2, 1)),
        lambda: sequential((9, 3), layers.Conv1D(4, 3, strides=2, padding=1)),
        (2, 9, 3),
    ),
    "conv 3d": (
        lambda: nn.Sequential(nn.Conv3d(2, 4, (1, 2, 3), bias=False)),
        lambda: sequential((4, 5, 6, 2), layers.Conv3D(4, (1, 2, 3), use_bias=False)),
        (2, 4, 5, 6, 2),
    ),
    "grouped": (
        lambda: nn.Sequential(nn.Conv2d(4, 6, 3, groups=2)),
        lambda: sequential((5, 6, 4), layers.Conv2D(6, 3, groups=2)),
        (2, 5, 6, 4),
    ),
    "depthwise": (
        lambda: nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, groups=3)),
        lambda: sequential((7, 8, 3), layers.DepthwiseConv2D(3, 2, padding=1, depth_multiplier=2)),
        (2, 7, 8, 3),
    ),
    "separable": (
        lambda: nn.Sequential(nn.Conv2d(3, 6, 3, groups=3, bias=False), nn.Conv2d(6, 5, 1)),
        lambda: sequential((7, 8, 3), layers.SeparableConv2D(5, 3, depth_multiplier=2)),
        (2, 7, 8, 3),
    ),
    "separable 1d": (
        lambda: nn.Sequential(nn.Conv1d(3, 3, 3, groups=3, bias=False), nn.Conv1d(3, 5, 1)),
        lambda: sequential((7, 3), layers.SeparableConv1D(5, 3)),
        (2, 7, 3),
    ),
    "spatially separable": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 1), bias=False), nn.Conv2d(4, 4, (1, 3))),
        lambda: sequential((7, 8, 3), layers.SpatiallySeparableConv2D(4, 3)),
        (2, 7, 8, 3),
    ),
    "transposed 1d": (
        lambda: nn.Sequential(nn.ConvTranspose1d(3, 4, 3, 2, 1, 1)),
        lambda: sequential(
            (5, 3), layers.Conv1DTranspose(4, 3, strides=2, padding=1, output_padding=1)
        ),
        (2, 5, 3),
    ),
    "transposed 2d": (
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 4, (3, 2), 2)),
        lambda: sequential((5, 6, 3), layers.Conv2DTranspose(4, (3, 2), strides=2)),
        (2, 5, 6, 3),
    ),
    "transposed 3d": (
        lambda: nn.Sequential(nn.ConvTranspose3d(2, 3, 2, 2)),
        lambda: sequential((2, 3, 4, 2), layers.Conv3DTranspose(3, 2, strides=2)),
        (1, 2, 3, 4, 2),
    ),
    "group norm": (
        lambda: nn.Sequential(nn.GroupNorm(2, 4)),
        lambda: sequential((5, 6, 4), keras.layers.GroupNormalization(2, epsilon=1e-5)),
        (2, 5, 6, 4),
    ),
    "layer norm": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4)),
        lambda: sequential(
            (5,), keras.layers.Dense(4), keras.layers.LayerNormalization(epsilon=1e-5)
        ),
        (2, 5),
    ),
    "flattened sequence": (
        lambda: nn.Sequential(Recurrent(nn.RNN, 3, 4), nn.Flatten(), nn.Linear(5 * 4, 2)),
        lambda: sequential(
            (5, 3),
            layers.SimpleRNN(4, return_sequences=True),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ),
        (2, 5, 3),
    ),
    "flattened 1d maps": (
        lambda: nn.Sequential(nn.Conv1d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 4, 2)),
        lambda: sequential(
            (6, 3), layers.Conv1D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2)
        ),
        (2, 6, 3),
    ),
    "normalization of flattened maps": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.Flatten(), nn.BatchNorm1d(4 * 2 * 3), nn.Linear(24, 2)
        ),
        lambda: sequential(
            (4, 5, 3),
            layers.Conv2D(4, 3),
            keras.layers.Flatten(),
            networks.normalization(),
            keras.layers.Dense(2),
        ),
        (2, 4, 5, 3),
    ),
    "simple recurrent": (
        lambda: Recurrent(nn.RNN, 3, 4),
        lambda: sequential((5, 3), layers.SimpleRNN(4, return_sequences=True)),
        (2, 5, 3),
    ),
    "stacked bidirectional lstm": (
        lambda: Recurrent(nn.LSTM, 3, 4, num_layers=2, bidirectional=True),
        lambda: sequential(
            (5, 3),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        ),
        (2, 5, 3),
    ),
    "lstm without bias": (
        lambda: Recurrent(nn.LSTM, 3, 4, bias=False),
        lambda: sequential((5, 3), layers.LSTM(4, use_bias=False, return_sequences=True)),
        (2, 5, 3),
    ),
    "gru": (
        lambda: Recurrent(nn.GRU, 3, 4),
        lambda: sequential((5, 3), layers.GRU(4, reset_after=True, return_sequences=True)),
        (2, 5, 3),
    ),
    "vgg": (lambda: networks.vgg()[0], lambda: networks.vgg()[1], (2, 8, 12, 3)),
    "dense block": (
        lambda: networks.DenseBlock(6, 3, 2),
        lambda: sequential((5, 6, 6), layers.DenseBlock(2, 3)),
        (2, 5, 6, 6),
    ),
    "u-net": (
        networks.UNet,
        lambda: models.unet((8, 12, 1), filters=4, depth=2, classifier_activation=None),
        (1, 8, 12, 1),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_outputs_are_equal_and_weights_return(name):
    make_network, make_model, shape = FAMILIES[name]
    compare(make_network(), make_model(), images(*shape))


def test_maps_made_of_features():
    network = nn.Sequential(
        nn.Linear(5, 4 * 2 * 3), nn.Unflatten(1, (4, 2, 3)), nn.ConvTranspose2d(4, 2, 2, 2)
    )
    model = sequential(
        (5,),
        keras.layers.Dense(24),
        keras.layers.Reshape((2, 3, 4)),
        layers.Conv2DTranspose(2, 2, strides=2),
    )
    interop.load_torch(model, randomize(network).state_dict())
    values = images(2, 5)
    with torch.no_grad():
        expected = network(torch.from_numpy(values)).movedim(1, -1).numpy()
    ours = keras.ops.convert_to_numpy(model(values))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_embedding_and_linear():
    network = nn.Sequential(nn.Embedding(7, 4), networks.Mean(), nn.Linear(4, 2))
    model = sequential(
        (5,),
        keras.layers.Embedding(7, 4),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(2),
    )
    compare(network, model, np.array([[0, 1, 2, 3, 6]]))
