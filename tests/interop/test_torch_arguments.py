"""Arguments of `load_torch` and `to_torch` that are wrong are named, before anything is changed."""

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")
from torch import nn

from keras_dlnotes import interop, layers
from tests.interop.comparing import sequential


def head():
    return sequential((3,), keras.layers.Dense(2, name="head"))


STATE = {"0.weight": np.ones((2, 3), "float32"), "0.bias": np.zeros(2, "float32")}


@pytest.mark.parametrize(
    ("model", "state", "message"),
    [
        (lambda: keras.Sequential([keras.layers.Dense(2)]), {}, "no weights yet"),
        (head, "weights.txt", "state_dict"),
        (head, {"epoch": 3}, "epoch"),
        (lambda: sequential((4, 4), keras.layers.EinsumDense("abc,cd->abd", (4, 2))), {}, "rule"),
        (lambda: sequential((4, 4), layers.LSTM(2, forget_gate="coupled")), {}, "separate"),
    ],
    ids=["unbuilt", "suffix", "checkpoint", "no rule", "variant"],
)
def test_bad_input(model, state, message):
    with pytest.raises(ValueError, match=message):
        interop.load_torch(model(), state)


@pytest.mark.parametrize("model", ["abc", None, 3, keras.layers.Dense, [], nn.Linear(2, 3)])
def test_what_is_no_layer_is_no_model(model):
    if isinstance(model, nn.Module) and isinstance(model, keras.Layer):
        pytest.skip("a layer is a module on this backend")
    with pytest.raises(ValueError, match="Argument `model`"):
        interop.load_torch(model, STATE)
    with pytest.raises(ValueError, match="Argument `model`"):
        interop.to_torch(model)


@pytest.mark.parametrize(
    "state",
    [
        None,
        3,
        ["0.weight"],
        b"weights.pt",
        "weights",
        {3: np.ones(2)},
        {"0.weight": "abc"},
        {"0.weight": np.array(["abc"])},
        {"0.weight": np.ones((2, 3), complex)},
        {"0.weight": np.array([None])},
        {"0.weight": torch.ones(2, 3, device="meta")},
        {"0.weight": torch.ones(2, 3).to_sparse()},
    ],
    ids=repr,
)
def test_what_is_no_state_dict(state):
    with pytest.raises(ValueError, match="Argument `state_dict`"):
        interop.load_torch(head(), state)
    if state is not None:
        with pytest.raises(ValueError, match="Argument `like`"):
            interop.to_torch(head(), like=state)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".ckpt"])
def test_files_that_are_missing_or_broken(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    with pytest.raises(FileNotFoundError, match="Argument `state_dict`"):
        interop.load_torch(head(), path)
    with pytest.raises(FileNotFoundError, match="Argument `state_dict`"):
        interop.load_torch(head(), str(tmp_path / f"folder/weights{suffix}"))
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="Argument `state_dict`"):
        interop.load_torch(head(), path)
    path.write_bytes(b"neither of both" * 9)
    with pytest.raises(ValueError, match=r"Argument `state_dict`|it was not read"):
        interop.load_torch(head(), path)


@pytest.mark.parametrize(
    "names",
    [
        "head",
        ["head"],
        3,
        {0: "head"},
        {"0": 3},
        {"0": None},
        {"0": []},
        {"0": {}},
        {"0": [3]},
        {"absent": "head"},
        {"0": "absent"},
        {"0": b"head"},
        {"0": {"head": 3}},
        {"0": {"head": (0, 3)}},
        {"0": {"head": (2.0,)}},
        {"0": {"head": "ab"}},
        {"0": {"head": (2, 2)}},
        {"0": {"head": {"rows": (3,)}}},
        {"0": {"head": {}}},
        {"0": {"absent": None}},
    ],
    ids=repr,
)
def test_bad_names(names):
    with pytest.raises(ValueError, match="Argument `names`"):
        interop.load_torch(head(), STATE, names)


def test_a_shape_for_a_layer_that_follows_no_order():
    model = sequential((4, 3), layers.Conv1D(2, 1, name="conv"))
    state = nn.Sequential(nn.Conv1d(3, 2, 1)).state_dict()
    with pytest.raises(ValueError, match=r"Argument `names`.*None for conv"):
        interop.load_torch(model, state, {"0": {"conv": (1, 3)}})
    interop.load_torch(model, state, {"0": {"conv": None}})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("strict", 1),
        ("strict", "no"),
        ("prefix", 3),
        ("prefix", None),
        ("prefix", "absent"),
        ("report", 3),
        ("report", "print"),
    ],
)
def test_other_arguments(argument, value):
    with pytest.raises(ValueError, match=f"Argument `{argument}`"):
        interop.load_torch(head(), STATE, **{argument: value})


@pytest.mark.parametrize("path", ["weights.pt", 3, "no such folder/weights.safetensors"])
def test_where_tensors_are_not_written(path):
    with pytest.raises(ValueError, match="Argument `path`"):
        interop.to_torch(head(), path=path)


def test_a_name_that_several_layers_have():
    def block(name):
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="fc")], name=name)

    model = sequential((3,), block("one"), block("two"))
    state = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).state_dict()
    with pytest.raises(ValueError, match="of paths, since 2 layers"):
        interop.load_torch(model, state, {"0": "fc"})
    interop.load_torch(model, state, {"0": "two/fc", "1": "one/fc"})
    np.testing.assert_array_equal(model.get_layer("two").layers[0].kernel, state["0.weight"].T)


def test_a_normalization_over_several_axes_is_refused():
    model = keras.Sequential([keras.Input((4, 4, 4)), keras.layers.LayerNormalization((1, 2, 3))])
    with pytest.raises(ValueError, match="over several axes"):
        interop.to_torch(model)
