"""What cannot be converted is refused with all of its reasons; nothing is guessed."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch's modules are converted here")

from torch import nn  # noqa: E402

from keras_dlnotes import interop  # noqa: E402


class Module(nn.Module):
    """A module of one function of itself and its input."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def _refused(function, match, shape=(2, 4), **parts):
    with pytest.raises(ValueError, match=match):
        interop.from_torch(Module(function, **parts), torch.ones(*shape))


def test_every_unsupported_call_is_listed_with_its_module_and_line():
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.fft.fft(x).real

    inner = nn.Sequential(Spectrum())
    with pytest.raises(
        ValueError, match=r"Module cannot be converted, since \d of its calls"
    ) as caught:
        interop.from_torch(
            Module(lambda self, x: torch.sort(self.inner(x))[0] + torch.rand_like(x), inner=inner),
            torch.ones(2, 4),
        )
    message = str(caught.value)
    for operation in (
        "aten.fft_fft.default in inner.0",
        "aten.sort.default in (the module itself)",
    ):
        assert operation in message
    assert "aten.rand_like.default" in message
    assert f"{__file__}:" in message
    assert "torch.fft.fft(x).real" in message


def test_control_flow_and_sizes_that_depend_on_data():
    match = (
        r"(?s)`module` must be a module whose control flow and sizes do not depend on data.*test_"
    )
    _refused(lambda self, x: x + 1 if x.sum() > 0 else x, match)
    _refused(lambda self, x: x[x > 0], "aten.index.Tensor in .*indices along several axes")
    mask = torch.tensor([True, False, False, True])
    _refused(lambda self, x: x[:, mask], "aten.index.Tensor in .*a mask as the indices")
    _refused(lambda self, x: x * x.var(), "the unbiased variance of an open axis")


def test_parameters_that_nothing_uses():
    match = (
        r"`module` must be one that uses all its parameters. Received: .*spare.weight, spare.bias"
    )
    _refused(lambda self, x: x * 2, match, spare=nn.Linear(2, 2))


def test_one_thing_in_training_and_another_in_evaluation():
    match = "`module` must be one that makes the same calls in training and in evaluation"
    _refused(lambda self, x: x * 2 if self.training else x, match)
    _refused(lambda self, x: (x, x + 1) if self.training else x * 3, "`module` must be one whose")


def test_changes_in_place_that_show_elsewhere():
    def part(self, x):
        y = x * 2
        y[:, 0].add_(1)
        return y

    def older(self, x):
        y = x * 2
        part = y[:, 1:]
        y[:, :2].add_(1)
        return part

    _refused(part, "it changes slice_1, too, which shares its memory|it changes mul, too, which")
    _refused(older, r"it changes slice_\d, too, which shares its memory")
    _refused(lambda self, x: x.mul_(2)[:, ::2].add_(1), "in place of a part of an open axis, or")
    _refused(lambda self, x: x.view(-1).relu_().sum() + x, "it changes x, too, which shares its")


def test_buffers_that_training_changes():
    class Average(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(4))

        def forward(self, x):
            self.mean.mul_(0.9)
            return x - self.mean

    with pytest.raises(ValueError, match=r"aten.mul_.Tensor in .* it changes a buffer in training"):
        interop.from_torch(Average(), torch.ones(2, 4))


@pytest.mark.parametrize(
    ("part", "shape", "match"),
    [
        (nn.Embedding(4, 3, padding_idx=0), (2, 4), "padding_idx"),
        (nn.InstanceNorm1d(4, track_running_stats=True), (2, 4, 3), "running statistics"),
        (nn.MaxPool2d(2, dilation=2), (2, 3, 6, 6), "dilated pooling"),
        (nn.AvgPool2d(2, divisor_override=3), (2, 3, 6, 6), "divisor_override"),
        (nn.Upsample(scale_factor=2, mode="bicubic"), (2, 3, 6, 6), "aten.upsample_bicubic2d"),
        (nn.LPPool2d(3, 2), (2, 3, 6, 6), "no Keras operation"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)), (2, 4), "_weight_norm"),
    ],
    ids=str,
)
def test_settings_that_keras_lacks(part, shape, match):
    example = torch.ones(*shape)
    example = example.long() if isinstance(part, nn.Embedding) else example
    with pytest.raises(ValueError, match=match):
        interop.from_torch(part, example)


def test_frozen_parameters_stay_frozen_or_are_refused():
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    network[0].requires_grad_(False)
    model = interop.from_torch(network, torch.ones(2, 4))
    assert [layer.trainable for layer in model.layers[1:]] == [False, True]
    network[1].bias.requires_grad_(False)
    with pytest.raises(ValueError, match="a frozen parameter beside one that is not"):
        interop.from_torch(network, torch.ones(2, 4))
    norm = nn.BatchNorm1d(4).requires_grad_(False)
    with pytest.raises(ValueError, match="a frozen normalization"):
        interop.from_torch(norm, torch.ones(2, 4))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"module": torch.nn.functional.relu}, "module"),
        ({"example": np.ones((2, 3), "float32")}, "example"),
        ({"example": torch.tensor(1.0)}, "example"),
        ({"check": 1}, "check"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received: {name}="):
        interop.from_torch(**{"module": nn.Linear(3, 2), "example": torch.ones(2, 3), **arguments})
