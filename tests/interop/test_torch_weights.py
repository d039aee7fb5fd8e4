"""Blocks, misfits and biases: what `load_torch` and `to_torch` do with whole networks."""

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")
from torch import nn

from keras_dlnotes import interop, layers
from tests.interop import networks
from tests.interop.comparing import compare, images, sequential
from tests.interop.networks import Recurrent, randomize

NAMES = {"downsample": ["shortcut", "shortcut_bn"]}


def test_residual_block_of_stride_2():
    compare(
        networks.BasicBlock(3, 4, 2), networks.residual_model(), images(2, 9, 11, 3), names=NAMES
    )


def test_residual_layer_meets_the_modules_in_order():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 4, 3, 2, 1)
            self.conv2 = nn.Conv2d(4, 4, 3, 1, 1)
            self.shortcut = nn.Conv2d(3, 4, 1, 2, bias=False)

        def forward(self, x):
            return self.conv2(torch.relu(self.conv1(x))) + self.shortcut(x)

    branch = [
        layers.Conv2D(4, 3, strides=2, padding=1, activation="relu"),
        layers.Conv2D(4, 3, padding=1),
    ]
    compare(Block(), sequential((9, 11, 3), layers.Residual(branch)), images(2, 9, 11, 3))


def test_a_residual_block_needs_no_names_where_one_order_alone_fits():
    compare(networks.BasicBlock(3, 4, 2), networks.residual_model(False), images(2, 9, 11, 3))


def test_every_misfit_is_listed_and_nothing_is_loaded():
    network, model = networks.vgg()
    state = randomize(network).state_dict()
    before = model.get_weights()
    del state["0.bias"]
    state["4.weight"] = state["4.weight"][:, :, :2]
    state["more.weight"] = torch.zeros(3)
    with pytest.raises(ValueError) as caught:
        interop.load_torch(model, state)
    lines = str(caught.value).splitlines()
    for problem, tensor in (("missing", "0.bias"), ("misshapen", "4.weight"), ("extra", "more")):
        assert [line for line in lines if line.startswith(problem) and tensor in line]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_gru_that_resets_first_says_what_to_build():
    model = sequential((5, 3), layers.GRU(4))
    with pytest.raises(ValueError, match="reset_after=True"):
        interop.load_torch(model, Recurrent(nn.GRU, 3, 4).state_dict())
    with pytest.raises(ValueError, match="reset_after=True"):
        interop.to_torch(model)


def test_two_biases_are_added_and_return_as_one_where_nothing_tells_them_apart():
    network = randomize(Recurrent(nn.LSTM, 3, 4))
    state = network.state_dict()
    model = interop.load_torch(sequential((5, 3), layers.LSTM(4)), state)
    total = state["rnn.bias_ih_l0"] + state["rnn.bias_hh_l0"]
    without_template = interop.to_torch(model, {"rnn": model.layers[-1].name})
    assert torch.equal(without_template["rnn.bias_ih_l0"], total)
    assert not without_template["rnn.bias_hh_l0"].any()
    cell = model.layers[-1].cell
    cell.bias.assign(cell.bias + 1)  # as after training
    trained = interop.to_torch(model, like=state)
    torch.testing.assert_close(trained["rnn.bias_ih_l0"], total + 1)
    assert not trained["rnn.bias_hh_l0"].any()


def test_names_build_a_state_dict_without_a_template():
    model = sequential(
        (5, 3),
        layers.LSTM(4, return_sequences=True, name="one"),
        layers.LSTM(4, name="two"),
        keras.layers.Dense(2, name="head"),
    )
    state = interop.to_torch(model, {"rnn": ["one", "two"], "fc": "head"})
    assert {"rnn.weight_ih_l0", "rnn.bias_hh_l1", "fc.weight"} <= set(state)
    other = keras.models.clone_model(model)
    interop.load_torch(other, state, {"rnn": ["one", "two"], "fc": "head"})
    for old, new in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
