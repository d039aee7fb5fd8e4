"""What published networks have besides plain weights."""

import argparse
import warnings

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")
from torch import nn
from torch.nn.utils import parametrizations, weight_norm

from keras_dlnotes import interop, layers
from tests.interop.comparing import compare, images, outputs_of, sequential
from tests.interop.networks import Network, Recurrent, randomize

BUFFERS = {
    "embeddings.position_ids": torch.arange(5)[None],
    "block.attn.relative_position_index": torch.zeros(4, 4, dtype=torch.int64),
    "block.attn.bias": torch.ones(1, 1, 5, 5, dtype=torch.bool).tril(),
    "block.attn.masked_bias": torch.tensor(-1e4),
    "rotary_emb.inv_freq": torch.ones(3),
    "head.anchors": torch.ones(3, 2),
    "steps": torch.tensor(7),
}


def dense(units=2):
    return sequential((3,), keras.layers.Dense(units))


def linear(units=2):
    return {"fc.weight": torch.ones(units, 3), "fc.bias": torch.zeros(units)}


@pytest.mark.parametrize("name", BUFFERS)
def test_buffers_are_skipped_and_named(name):
    with pytest.warns(UserWarning, match=f"skipped.*: {name}"):
        interop.load_torch(dense(), linear() | {name: BUFFERS[name]})


def test_counts_of_batches_are_skipped_without_a_warning():
    network = nn.Sequential(nn.BatchNorm1d(3))
    reports = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interop.load_torch(sequential((3,), layers.BatchNormalization()), network.state_dict())
    interop.load_torch(
        sequential((3,), layers.BatchNormalization()), network.state_dict(), report=reports.append
    )
    assert list(reports[0].skipped) == ["0.num_batches_tracked"]
    assert set(reports[0].loaded) == {
        f"0.{n}" for n in ("weight", "bias", "running_mean", "running_var")
    }
    assert "skipped  0.num_batches_tracked" in str(reports[0])


def test_a_float_that_no_layer_has_is_no_buffer():
    with pytest.raises(ValueError, match=r"extra .*scale"):
        interop.load_torch(dense(), linear() | {"scale": torch.ones(3)})


def old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.Sequential(
            weight_norm(nn.Conv1d(3, 4, 3)), weight_norm(nn.Conv1d(4, 2, 1), dim=None)
        )


NORMALIZED = {
    "weight_norm, old": old_weight_norm,
    "weight_norm": lambda: nn.Sequential(
        parametrizations.weight_norm(nn.Conv1d(3, 4, 3)),
        parametrizations.weight_norm(nn.Conv1d(4, 2, 1), dim=1),
    ),
    "spectral_norm, old": lambda: nn.Sequential(
        nn.utils.spectral_norm(nn.Conv1d(3, 4, 3)), nn.Conv1d(4, 2, 1)
    ),
    "spectral_norm": lambda: nn.Sequential(
        parametrizations.spectral_norm(nn.Conv1d(4, 4, 3)), nn.Conv1d(4, 2, 1)
    ),
}


@pytest.mark.parametrize("name", NORMALIZED)
def test_weights_in_pieces(name):
    network = NORMALIZED[name]().eval()
    channels = 4 if name == "spectral_norm" else 3
    model = sequential((7, channels), layers.Conv1D(4, 3), layers.Conv1D(2, 1))
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    interop.load_torch(model, state)
    ours, theirs = outputs_of(network, model, images(2, 7, channels))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    back = interop.to_torch(model, like=state)
    assert list(back) == list(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    kernel = model.layers[0].kernel
    kernel.assign(kernel * 2)
    if "spectral" in name:
        with pytest.raises(ValueError, match="singular value"):
            interop.to_torch(model, like=state)
    else:
        network.load_state_dict(interop.to_torch(model, like=state))
        ours, theirs = outputs_of(network, model, images(2, 7, channels))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "slopes", "shape"),
    [
        (lambda: nn.PReLU(4), lambda: keras.layers.PReLU(shared_axes=[1, 2]), (5, 6, 4)),
        (lambda: nn.PReLU(), lambda: keras.layers.PReLU(shared_axes=[1, 2, 3]), (5, 6, 4)),
        (lambda: nn.PReLU(4), lambda: keras.layers.PReLU(shared_axes=[1]), (5, 4)),
        (lambda: nn.PReLU(4), lambda: keras.layers.PReLU(), (4,)),
    ],
    ids=["channels", "one", "1-D", "features"],
)
def test_slopes(network, slopes, shape):
    compare(nn.Sequential(network()), sequential(shape, slopes()), images(2, *shape))


def test_a_slope_for_each_position_is_refused():
    with pytest.raises(ValueError, match="shared_axes"):
        interop.to_torch(sequential((5, 6, 4), keras.layers.PReLU()))


def attention(m, x, y):
    return m.attn(x, y, y, need_weights=False)[0]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("other", [8, 5], ids=["one size", "kdim and vdim"])
def test_attention(bias, other):
    network = Network(
        {"attn": nn.MultiheadAttention(8, 2, bias=bias, kdim=other, vdim=other, batch_first=True)},
        attention,
    )
    randomize(network)
    x, y = keras.Input((4, 8)), keras.Input((6, other))
    model = keras.Model([x, y], keras.layers.MultiHeadAttention(2, 4, use_bias=bias)(x, y))
    state = network.state_dict()
    interop.load_torch(model, state)
    values = [images(2, 4, 8), images(2, 6, other)]
    with torch.no_grad():
        expected = network(*map(torch.from_numpy, values)).numpy()
    ours = keras.ops.convert_to_numpy(model(values))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
    back = interop.to_torch(model, like=state)
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_attention_that_pytorch_lacks_is_refused():
    x = keras.Input((4, 8))
    model = keras.Model(x, keras.layers.MultiHeadAttention(2, 3)(x, x))
    with pytest.raises(ValueError, match="embed_dim"):
        interop.to_torch(model)


def test_a_projected_lstm_is_refused_by_name():
    state = Recurrent(nn.LSTM, 3, 4, proj_size=2).state_dict()
    with pytest.raises(ValueError, match="proj_size"):
        interop.load_torch(sequential((5, 3), layers.LSTM(4)), state)


def test_root_mean_squares():
    network = nn.Sequential(nn.Linear(3, 4), nn.RMSNorm(4, eps=1e-6))
    model = sequential((3,), keras.layers.Dense(4), keras.layers.RMSNormalization(epsilon=1e-6))
    compare(network, model, images(2, 3))


def checkpoint(**more):
    state = {f"net.{key}": tensor for key, tensor in linear().items()}
    return {"epoch": 3, "state_dict": state, "optimizer_states": [{"step": 1}], **more}


@pytest.mark.parametrize(
    "settings",
    [{"lr": 0.1, "sizes": [1, 2]}, argparse.Namespace(lr=0.1)],
    ids=["dict", "namespace"],
)
def test_checkpoints_of_lightning(tmp_path, settings):
    path = tmp_path / "last.ckpt"
    torch.save(checkpoint(hyper_parameters=settings), path)
    model = interop.load_torch(dense(), path)
    np.testing.assert_array_equal(model.layers[0].kernel, np.ones((3, 2)))
    assert list(interop.to_torch(model, like=path)) == ["net.fc.weight", "net.fc.bias"]


def test_a_checkpoint_with_more_than_the_model_is_read_by_its_prefix():
    content = checkpoint()
    content["state_dict"]["loss.weight"] = torch.ones(2, 3)
    with pytest.raises(ValueError, match=r"extra|several ways"):
        interop.load_torch(dense(), content)
    model = interop.load_torch(dense(), content, prefix="net")
    np.testing.assert_array_equal(model.layers[0].kernel, np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"Argument `prefix`.*loss"):
        interop.load_torch(dense(), content, prefix="model")


class Settings:
    pass


def test_a_checkpoint_with_code_says_how_to_save_it(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save(checkpoint(hyper_parameters=Settings()), path)
    with pytest.raises(ValueError, match=r"not read[\s\S]*state_dict"):
        interop.load_torch(dense(), path)


def test_a_part_is_loaded_where_it_is_asked_for():
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 10))
    model = sequential((3,), keras.layers.Dense(4), keras.layers.Dense(2))
    before = model.layers[1].get_weights()
    state = randomize(network).state_dict()
    with pytest.raises(ValueError, match="strict=False"):
        interop.load_torch(model, state)
    with pytest.warns(UserWarning, match=r"left as they were.*; not loaded.*: 2.weight, 2.bias"):
        interop.load_torch(model, state, strict=False)
    np.testing.assert_array_equal(model.layers[0].kernel, state["0.weight"].numpy().T)
    for old, new in zip(before, model.layers[1].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    reports = []
    interop.load_torch(model, state, strict=False, report=reports.append)
    assert list(reports[0].loaded) == ["0.weight", "0.bias"]
    assert set(reports[0].missing.values()) == {model.layers[1].name}
    assert list(reports[0].unexpected) == ["2.weight", "2.bias"]


def test_nothing_that_fits_is_an_error_even_for_a_part():
    with pytest.raises(ValueError, match="state_dict"):
        interop.load_torch(dense(), {"fc.weight": torch.ones(7, 7)}, strict=False)


def test_a_part_is_not_guessed():
    model = sequential((3,), keras.layers.Dense(3), keras.layers.Dense(3))
    state = nn.Sequential(nn.Linear(3, 3)).state_dict()
    with pytest.raises(ValueError, match="several ways"):
        interop.load_torch(model, state, strict=False)
    with pytest.warns(UserWarning, match="left as they were"):
        interop.load_torch(model, state, {"0": model.layers[1].name}, strict=False)
    np.testing.assert_array_equal(model.layers[1].kernel, state["0.weight"].numpy().T)
