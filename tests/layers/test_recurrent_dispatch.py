"""Which computation runs where there is a GPU: never a fused kernel that computes something else.

There is none here, so the package is told that there is, and Keras's kernels are watched.
"""

import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.ops.backends.current import framework
from tests.gradcheck import assert_close

SHAPE = (2, 4, 3)
UNITS = 2
# what cuDNN cannot do, or must not
LSTM_VARIANTS = [
    {"truncate": 2},
    {"forget_gate": "coupled"},
    {"output_gate": "delayed"},
    {"unroll": True},
    {"use_cudnn": False},
    {"activation": "relu"},
    {"recurrent_activation": "hard_sigmoid"},
    {"use_bias": False},
    {"recurrent_dropout": 0.3},
]
GRU_VARIANTS = [{"reset_after": False}, {"truncate": 2}, {"unroll": True}, {"use_cudnn": False}]
VARIANTS = [("LSTM", variant) for variant in LSTM_VARIANTS]
VARIANTS += [("GRU", variant) for variant in GRU_VARIANTS]
every_variant = pytest.mark.parametrize(("kind", "variant"), VARIANTS, ids=str)
PLAIN = {"LSTM": {}, "GRU": {"reset_after": True}}


@pytest.fixture
def fused(monkeypatch):
    """The names of Keras's fused kernels that a call tries to take, in turn; none is there."""
    tried = []

    def watched(name):
        def kernel(*_, **__):
            tried.append(name)
            raise NotImplementedError

        return kernel

    backend = sys.modules[keras.layers.Bidirectional.__module__].backend
    for name in ("lstm", "gru", "bidirectional_lstm", "bidirectional_gru"):
        monkeypatch.setattr(backend, name, watched(name))
    monkeypatch.setattr(framework(), "has_gpu", lambda: True)
    return tried


def _layer(kind, **variant):
    return getattr(layers, kind)(UNITS, **{**PLAIN[kind], **variant})


def _called(layer):
    layer.build(SHAPE)
    generator = np.random.default_rng(0)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.weights])
    x = generator.normal(size=SHAPE).astype("float32")
    return keras.ops.convert_to_numpy(layer(x))


def _expected(kind, forward, backward, x_seed=0):
    """Both directions one by one, with the weights that `_called` gives."""
    parts = [_layer(kind, **forward), _layer(kind, go_backwards=True, **backward)]
    for part in parts:
        part.build(SHAPE)
    generator = np.random.default_rng(x_seed)
    for part in parts:
        part.set_weights([generator.normal(size=weight.shape) for weight in part.weights])
    x = generator.normal(size=SHAPE).astype("float32")
    return np.concatenate([keras.ops.convert_to_numpy(part(x)) for part in parts], axis=-1)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_plain_settings_take_the_kernels_of_keras(kind, fused):
    _called(_layer(kind))
    assert fused == [kind.lower()]
    fused.clear()
    _called(layers.Bidirectional(_layer(kind)))
    assert fused[0] == f"bidirectional_{kind.lower()}"


@every_variant
def test_a_layer_beyond_cudnn_takes_none(kind, variant, fused):
    _called(_layer(kind, **variant))
    assert not fused


@pytest.mark.parametrize("assigned", ["auto", True])
@every_variant
def test_an_assignment_allows_nothing(kind, variant, assigned, fused):
    layer = _layer(kind, **variant)
    layer.use_cudnn = assigned
    assert layer.use_cudnn is False
    _called(layer)
    assert not fused


@pytest.mark.sampled(8)
@pytest.mark.parametrize("wrapper", [layers.Bidirectional, keras.layers.Bidirectional])
@pytest.mark.parametrize("place", ["forward", "backward", "both"])
@every_variant
def test_no_two_directions_take_the_kernel_of_both(kind, variant, place, wrapper, fused):
    forward, backward = (
        variant if place in (way, "both") else {} for way in ("forward", "backward")
    )
    other = None if place == "both" else _layer(kind, go_backwards=True, **backward)
    found = _called(wrapper(_layer(kind, **forward), backward_layer=other))
    # the plain direction alone may take the kernel of one
    assert not any(name.startswith("bidirectional") for name in fused)
    assert len(fused) <= (0 if place == "both" else 1)
    if "recurrent_dropout" not in variant:
        assert_close([found], [_expected(kind, forward, backward)], 1e-5)


def test_the_backward_layer_keeps_what_it_was_asked_for():
    for asked in ("auto", False):
        both = layers.Bidirectional(
            _layer("LSTM", use_cudnn=asked),
            backward_layer=_layer(
                "LSTM", go_backwards=True, use_cudnn="auto" if not asked else False
            ),
        )
        assert both.forward_layer.use_cudnn == asked
        assert both.backward_layer.use_cudnn == ("auto" if not asked else False)


def test_a_forward_layer_that_runs_backward_is_not_taken_for_one_that_runs_forward(fused):
    both = layers.Bidirectional(
        _layer("LSTM", go_backwards=True), backward_layer=_layer("LSTM", go_backwards=False)
    )
    _called(both)
    assert "bidirectional_lstm" not in fused


def test_settings_that_change_later_count(fused):
    layer = _layer("LSTM")
    layer.truncate = 2
    _called(layers.Bidirectional(layer))
    assert layer.use_cudnn is False
    assert not fused


@pytest.mark.parametrize("variant", [{"truncate": 2}, {"unroll": True}, {"use_bias": False}])
def test_a_demand_that_cannot_be_met_is_refused_at_once(variant):
    with pytest.raises(ValueError, match="Argument `use_cudnn` must be"):
        _layer("LSTM", use_cudnn=True, **variant)


def test_the_config_says_what_was_asked_for():
    for asked in ("auto", False):
        layer = _layer("LSTM", use_cudnn=asked, truncate=2)
        assert layer.get_config()["use_cudnn"] == asked
        assert type(layer).from_config(layer.get_config()).use_cudnn is False


def test_a_layer_without_a_fused_kernel_has_no_such_attribute():
    layer = layers.Bidirectional(
        layers.SimpleRNN(2, go_backwards=True), backward_layer=layers.SimpleRNN(2)
    )
    assert not hasattr(layer.forward_layer, "use_cudnn")
    assert "a simple recurrent network" in layer.explain_path()
