"""A converted model trains as the module does, and its file is read without PyTorch."""

import subprocess
import sys

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch's modules are converted here")

from torch import nn  # noqa: E402

from keras_dlnotes import interop  # noqa: E402
from tests.interop.torch_modules import Standardized, Transformer, shaken  # noqa: E402


class StochasticDepth(nn.Module):
    """x + noise · f(x)/p, as torchvision and timm write it."""

    def __init__(self, rate=0.5):
        super().__init__()
        self.rate, self.linear = rate, nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        if self.training and self.rate:
            kept = 1 - self.rate
            y = y * y.new_empty((y.shape[0], 1)).bernoulli_(kept).div_(kept)
        return x + y


def _network():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6, momentum=0.3),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(6, 6, 3, groups=6),
        nn.GroupNorm(2, 6),
        nn.Hardswish(),
        nn.Dropout(0.0),
        nn.Flatten(),
        nn.Linear(24, 3),
    )


@pytest.mark.parametrize(
    ("make", "shape"),
    [(_network, (4, 3, 8, 8)), (Transformer, (4, 4, 8)), (Standardized, (3, 4, 7, 8))],
    ids=["maps", "tokens", "computed kernels"],
)
def test_one_step_gives_the_same_weights(make, shape):
    module = shaken(make())
    x = torch.rand(*shape, generator=torch.Generator().manual_seed(2))
    model = interop.from_torch(module, x)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module.train()
    loss = module(x).square().mean()
    loss.backward()
    optimizer.step()

    model.compile(keras.optimizers.SGD(0.1), lambda _, y: keras.ops.mean(keras.ops.square(y)))
    order = model.torch_record["inputs"][0]
    model.train_on_batch(np.transpose(x.numpy(), order), np.zeros((shape[0], 1), "float32"))
    found = interop.to_torch(model)
    for name, expected in module.state_dict().items():
        if name in found and not name.endswith("running_var"):
            expected = expected.numpy()
            error = np.abs(found[name].numpy() - expected).max() / max(np.abs(expected).max(), 1e-3)
            assert error < 1e-4, name
    if "1.running_var" in found:  # PyTorch's is unbiased: n/(n − 1) of the batch's variance
        n = 4 * 8 * 8
        before = shaken(make()).state_dict()["1.running_var"].numpy()
        theirs = module.state_dict()["1.running_var"].numpy() - 0.7 * before
        ours = found["1.running_var"].numpy() - 0.7 * before
        np.testing.assert_allclose(ours * n / (n - 1), theirs, rtol=1e-4)


def test_stochastic_depth_drops_whole_examples_in_training_alone():
    keras.utils.set_random_seed(0)
    module = shaken(StochasticDepth(0.25))
    model = interop.from_torch(module, torch.ones(2, 4))
    x = np.ones((400, 4), "float32")
    with torch.no_grad():
        branch = module.linear(torch.ones(1, 4)).numpy()
    drawn = keras.ops.convert_to_numpy(model(x, training=True)) - x
    is_kept = np.abs(drawn).max(axis=1) > 0
    np.testing.assert_allclose(
        drawn[is_kept], np.repeat(branch / 0.75, is_kept.sum(), 0), rtol=1e-5
    )
    assert abs(is_kept.mean() - 0.75) < 0.08


def test_dropout_keeps_its_rate():
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.3), nn.Unflatten(1, (3, 1, 1)))
    module.append(nn.Dropout2d(0.4))
    model = interop.from_torch(module, torch.ones(2, 3))
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.3, 0.4]


WITHOUT_TORCH = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
if sys.argv[2] != "torch":
    sys.meta_path.insert(0, Missing())
import numpy as np, keras, keras_dlnotes
from keras_dlnotes import interop
model = keras.saving.load_model(sys.argv[1] + "/model.keras")
arrays = np.load(sys.argv[1] + "/arrays.npz")
found = keras.ops.convert_to_numpy(model(arrays["x"]))
np.testing.assert_allclose(found, arrays["y"], atol=1e-5)
state = interop.to_torch(model)
for name, tensor in state.items():
    np.testing.assert_array_equal(np.asarray(tensor), arrays["state " + name])
other = {name: np.asarray(tensor) * 0 for name, tensor in state.items()}
interop.load_torch(model, other)
assert not any(np.any(np.asarray(tensor)) for tensor in interop.to_torch(model).values())
print("loaded", len(state))
"""


@pytest.mark.thorough
def test_the_file_is_read_where_there_is_no_pytorch(tmp_path):
    module = shaken(Transformer())
    x = torch.rand(2, 4, 8)
    model = interop.from_torch(module, x)
    model.save(tmp_path / "model.keras")
    state = {f"state {name}": tensor.numpy() for name, tensor in interop.to_torch(model).items()}
    found = keras.ops.convert_to_numpy(model(x.numpy()))
    np.savez(tmp_path / "arrays.npz", x=x.numpy(), y=found, **state)
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path), keras.backend.backend()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert f"loaded {len(state)}" in result.stdout, result.stderr[-2000:]


def test_state_dicts_that_do_not_fit_are_refused():
    model = interop.from_torch(shaken(_network()), torch.rand(2, 3, 8, 8))
    state = dict(_network().state_dict())
    state["9.bias"], state["more"] = torch.ones(4), torch.ones(1)
    del state["0.weight"]
    with pytest.raises(ValueError, match=r"(?s)do not fit") as caught:
        interop.load_torch(model, state)
    for row in ("missing", "0.weight", "misshapen", "9.bias", "extra", "more"):
        assert row in str(caught.value)
