"""State dicts in files: which are read, which keep the order, and that none is executed."""

import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
import safetensors.numpy

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")

from keras_dlnotes import interop
from tests.interop import networks
from tests.interop.comparing import images, outputs_of, sequential
from tests.interop.networks import randomize


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
    state = randomize(networks.BasicBlock(3, 4, 2)).state_dict()
    save_file(state, path)
    model = networks.residual_model(is_named=False)
    with pytest.raises(ValueError, match="keeps no order"):
        interop.load_torch(model, path)
    named = networks.residual_model()
    interop.load_torch(named, path)
    assert np.array_equal(
        named.get_layer("conv1").kernel, state["conv1.weight"].permute(2, 3, 1, 0).numpy()
    )


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


@pytest.mark.thorough
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
from keras_dlnotes.common import extras
found = extras.find_spec
extras.find_spec = lambda name: None if name == "torch" else found(name)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
interop.load_torch(model, {str(path)!r})
try:
    interop.load_torch(model, {str(path.with_suffix(".pt"))!r})
except ImportError as error:
    assert "keras_dlnotes[torch]" in str(error)
else:
    raise AssertionError
assert all(isinstance(tensor, numpy.ndarray) for tensor in interop.to_torch(model).values())
"""
    if keras.backend.backend() == "torch":
        pytest.skip("this backend is PyTorch")
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.parametrize("order", ["{", "[]", "5", '["a"]', '["a", "b", "c"]', '["a", 5]', "null"])
def test_an_order_that_is_not_that_of_the_tensors_is_refused(order, tmp_path):
    path = tmp_path / "weights.safetensors"
    tensors = {"a": np.ones(2, "float32"), "b": np.ones(3, "float32")}
    safetensors.numpy.save_file(tensors, path, metadata={"keras_dlnotes.order": order})
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="names all of its tensors in their order") as error:
        interop.load_torch(model, path)
    assert str(path) in str(error.value)
