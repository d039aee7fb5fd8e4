"""PyTorch networks load with equal outputs, go back exactly, and fail whole."""

import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")
from torch import nn

from keras_dlnotes import interop, layers, models
from tests.interop import networks
from tests.interop.networks import Recurrent, randomize


def sequential(shape, *stack):
    return keras.Sequential([keras.Input(shape), *stack])


def outputs_of(network, model, values):
    """Outputs of both for the same channels-last maps, sequences or indices."""
    inputs = torch.from_numpy(values)
    has_maps = values.ndim > 2 and not any(isinstance(m, Recurrent) for m in network.modules())
    with torch.no_grad():
        expected = network(inputs.movedim(-1, 1) if has_maps else inputs)
    if has_maps and expected.ndim > 2:
        expected = expected.movedim(1, -1)
    return keras.ops.convert_to_numpy(model(values)), expected.numpy()


def compare(network, model, values, names=None, tolerance=1e-5):
    randomize(network)
    # copies, because the network's own would change with it
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert interop.load_torch(model, state, names) is model
    ours, theirs = outputs_of(network, model, values)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    back = interop.to_torch(model, names, like=state)
    for name, tensor in state.items():
        if "num_batches_tracked" not in name:
            assert torch.equal(back[name], tensor), name
    randomize(network)
    network.load_state_dict(back, strict=True)
    again = outputs_of(network, model, values)
    np.testing.assert_array_equal(again, (ours, theirs))


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


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


def test_without_names_a_shortcut_is_refused_whole():
    model = networks.residual_model()
    before = model.get_weights()
    state = randomize(networks.BasicBlock(3, 4, 2)).state_dict()
    with pytest.raises(ValueError, match=r"nothing was loaded[\s\S]*downsample"):
        interop.load_torch(model, state)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


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


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_files(tmp_path, suffix):
    network, model = networks.vgg()
    state = randomize(network).state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(state, path)
    else:
        torch.save(state, path)
    interop.load_torch(model, path)
    ours, theirs = outputs_of(network, model, images(2, 8, 12, 3))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_own_files_keep_the_order_of_the_modules(tmp_path):
    model = networks.residual_model()
    path = tmp_path / "weights.safetensors"
    written = interop.to_torch(model, path=path)
    other = interop.load_torch(networks.residual_model(), path)
    assert list(written) == list(interop.to_torch(other))
    for old, new in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_sorted_files_are_not_guessed(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    save_file(randomize(networks.BasicBlock(3, 4, 2)).state_dict(), path)
    with pytest.raises(ValueError, match="keeps no order"):
        interop.load_torch(networks.residual_model(), path)
    interop.load_torch(networks.residual_model(), path, NAMES)


class _Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("write", [pickle.dump, torch.save], ids=["pickle", "torch.save"])
def test_malicious_pickle_is_refused_and_not_executed(tmp_path, write):
    path, touched = tmp_path / "weights.pt", tmp_path / "touched"
    with path.open("wb") as file:
        write({"0.weight": _Malicious(str(touched))}, file)
    _, model = networks.vgg()
    with pytest.raises(ValueError, match="it was not read"):
        interop.load_torch(model, path)
    assert not touched.exists()
    pickle.loads(pickle.dumps(_Malicious(str(touched)))).close()
    assert touched.exists()  # so the file would have done harm


def test_safetensors_load_without_pytorch(tmp_path):
    path = tmp_path / "weights.safetensors"
    interop.to_torch(sequential((3,), keras.layers.Dense(2)), path=path)
    script = f"""
import sys
class NoPyTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoPyTorch())
import keras
import numpy
from keras_dlnotes import interop
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
interop.load_torch(model, {str(path)!r})
try:
    interop.load_torch(model, {str(path.with_suffix(".pt"))!r})
except ImportError as error:
    assert "safetensors" in str(error)
else:
    raise AssertionError
assert all(isinstance(tensor, numpy.ndarray) for tensor in interop.to_torch(model).values())
"""
    if keras.backend.backend() == "torch":
        pytest.skip("this backend is PyTorch")
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.parametrize(
    ("model", "state", "message"),
    [
        (lambda: keras.Sequential([keras.layers.Dense(2)]), {}, "no weights yet"),
        (lambda: sequential((3,), keras.layers.Dense(2)), "weights.txt", "state_dict"),
        (lambda: sequential((3,), keras.layers.Dense(2)), {"epoch": 3}, "epoch"),
        (lambda: sequential((4, 4), keras.layers.PReLU()), {}, "No rule"),
        (lambda: sequential((4, 4), layers.LSTM(2, forget_gate="coupled")), {}, "separate"),
    ],
    ids=["unbuilt", "suffix", "checkpoint", "no rule", "variant"],
)
def test_bad_input(model, state, message):
    with pytest.raises(ValueError, match=message):
        interop.load_torch(model(), state)


@pytest.mark.parametrize("names", [{"absent": "head"}, {"0": "absent"}])
def test_unknown_names(names):
    model = sequential((3,), keras.layers.Dense(2, name="head"))
    state = nn.Sequential(nn.Linear(3, 2)).state_dict()
    with pytest.raises(ValueError, match="Argument `names`"):
        interop.load_torch(model, state, names)


def test_a_normalization_over_several_axes_is_refused():
    model = keras.Sequential([keras.Input((4, 4, 4)), keras.layers.LayerNormalization((1, 2, 3))])
    with pytest.raises(ValueError, match="over several axes"):
        interop.to_torch(model)
