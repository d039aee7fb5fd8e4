"""Every family of operations, converted: values, weights there and back, and one training step."""

import json

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch's modules are converted here")

from keras_dlnotes import interop  # noqa: E402
from tests.interop.torch_modules import FAMILIES, shaken  # noqa: E402

CONVERTED: dict = {}


def converted(name):
    """The family's module and its model, made once; the conversion compares them."""
    if name not in CONVERTED:
        make, example = FAMILIES[name]
        module = shaken(make())
        before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
        model = interop.from_torch(module, example)
        for key, tensor in module.state_dict().items():
            assert torch.equal(tensor, before[key])
        assert module.training
        CONVERTED[name] = module, model, example
    return CONVERTED[name]


every_family = pytest.mark.parametrize("name", FAMILIES)


def _as_keras(model, tensors):
    orders = model.torch_record["inputs"]
    arrays = [np.transpose(t.numpy(), order) for t, order in zip(tensors, orders, strict=True)]
    return arrays[0] if len(arrays) == 1 else arrays


@pytest.mark.sampled(8)
@every_family
def test_values_are_the_modules(name):
    """Beside the check of `from_torch` itself, which is tested below: against the plain arrays."""
    module, model, example = converted(name)
    with torch.no_grad():
        expected = module.eval()(*example)
    module.train()
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = keras.tree.flatten(model(_as_keras(model, example), training=False))
    for theirs, ours in zip(expected, map(keras.ops.convert_to_numpy, found), strict=True):
        theirs = theirs.numpy()
        options = [ours, np.moveaxis(ours, -1, 1)] if ours.ndim > 2 else [ours]
        options = [option for option in options if option.shape == theirs.shape]
        errors = [np.abs(option - theirs).max() / np.abs(theirs).max() for option in options]
        assert min(errors) < 1e-5


@pytest.mark.sampled(8)
@every_family
def test_its_config_makes_the_same_model(name):
    _, model, example = converted(name)
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    assert again.torch_record == model.torch_record
    x = _as_keras(model, example)
    pairs = zip(keras.tree.flatten(model(x)), keras.tree.flatten(again(x)), strict=True)
    for expected, found in pairs:
        expected, found = map(keras.ops.convert_to_numpy, (expected, found))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.sampled(8)
@every_family
def test_weights_come_back_bit_by_bit(name):
    module, model, _ = converted(name)
    # of a recurrent layer's two biases Keras has the sum, which `like` takes apart
    found = interop.to_torch(model, like=module.state_dict() if name == "recurrences" else None)
    trained = dict(module.named_parameters(remove_duplicate=False))
    assert set(trained) <= set(found)
    for key, tensor in found.items():
        assert torch.equal(tensor, module.state_dict()[key])


def test_the_check_finds_what_differs(monkeypatch):
    from keras_dlnotes.interop.from_torch import model

    def sigmoid(conversion, value):
        return conversion.plain(keras.layers.Activation, value, activation="sigmoid")

    monkeypatch.setattr(model, "OPERATIONS", {**model.OPERATIONS, "tanh": sigmoid})
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    with pytest.raises(
        ValueError, match=r"(?s)Output 0 .* differs.*\n1 .*← the first that differs"
    ):
        interop.from_torch(module, torch.ones(2, 3))
    assert interop.from_torch(module, torch.ones(2, 3), check=False).count_params() == 26


def test_layers_are_named_after_modules():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Sequential(torch.nn.ReLU()))
    model = interop.from_torch(module, torch.zeros(1, 3, 5, 5))
    assert [layer.name for layer in model.layers][1:] == ["0", "1_0"]
    assert model.input_shape == (None, None, None, 3)


def test_a_module_that_is_called_twice_is_one_layer():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.relu = torch.nn.Linear(3, 3), torch.nn.ReLU()

        def forward(self, x):
            return self.relu(self.linear(self.relu(self.linear(x))))

    model = interop.from_torch(shaken(Twice()), torch.ones(2, 3))
    assert [layer.name for layer in model.layers][1:] == ["linear", "relu", "relu_1"]


def test_maps_are_moved_nowhere():
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(inplace=True),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 2),
    )
    model = interop.from_torch(shaken(module), torch.rand(2, 3, 4, 4))
    kinds = {type(operation).__name__ for operation in model.operations}
    assert "Transpose" not in kinds
    assert "Permute" not in kinds


@pytest.mark.parametrize("lengths", [(8, 8), (9, 21), (30, 5)])
def test_heights_and_widths_are_open(lengths):
    parts = torch.nn.Conv2d(3, 1, 3, 2, 1), torch.nn.BatchNorm2d(1), torch.nn.MaxPool2d(2)
    module = shaken(torch.nn.Sequential(*parts))
    model = interop.from_torch(module, torch.rand(2, 3, 16, 16))
    assert model.input_shape == (None, None, None, 3)
    x = torch.rand(1, 3, *lengths)
    with torch.no_grad():
        expected = module.eval()(x).numpy()
    found = keras.ops.convert_to_numpy(model(np.moveaxis(x.numpy(), 1, -1)))
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected, atol=1e-6)
    assert interop.compare(model, module, x).first is None


class Branch(torch.nn.Module):
    """Maps that are larger or smaller than a length are kept."""

    def __init__(self, least, most):
        super().__init__()
        self.least, self.most = least, most

    def forward(self, x):
        return x * 2 if self.least <= x.shape[2] <= self.most else x


@pytest.mark.parametrize(
    "module",
    [
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2)),
        torch.nn.Upsample(scale_factor=2.0, mode="bilinear"),
        torch.nn.AdaptiveAvgPool2d(4),
        Branch(0, 20),
        Branch(9, 10**9),
    ],
    ids=["flattened", "resized", "adaptive", "a branch of larger maps", "and of smaller ones"],
)
def test_lengths_that_the_module_needs_stay_fixed(module):
    model = interop.from_torch(shaken(module), torch.rand(2, 3, 16, 16))
    assert model.input_shape == (None, 16, 16, 3)


def test_tracing_of_open_lengths_has_an_end(monkeypatch):
    from keras_dlnotes.interop.from_torch import reading

    monkeypatch.setattr(reading, "SECONDS", -1)
    model = interop.from_torch(torch.nn.Sequential(torch.nn.ReLU()), torch.rand(2, 3, 4, 5))
    assert model.input_shape == (None, 4, 5, 3)


def test_outputs_in_a_dict_and_auxiliary_heads():
    class Heads(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.auxiliary = torch.nn.Linear(3, 2), torch.nn.Linear(3, 1)

        def forward(self, x):
            return (self.head(x), self.auxiliary(x)) if self.training else self.head(x)

    model = interop.from_torch(shaken(Heads()), torch.ones(2, 3))
    assert [tuple(output.shape) for output in model.outputs] == [(None, 2), (None, 1)]

    class Named(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(3, 2)

        def forward(self, x):
            return {"out": self.linear(x), "features": x * 2}

    found = interop.from_torch(Named(), torch.ones(2, 3))(np.ones((1, 3), "float32"))
    assert set(found) == {"out", "features"}
