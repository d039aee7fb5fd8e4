"""The gradients of recurrence against autodiff, finite differences and PyTorch."""

import keras
import pytest

from tests.backends import only_on
from tests.gradcheck import (
    assert_close,
    check_gradients,
    compare_gradients,
    second_gradients,
)
from tests.ops.recurrent_forms import FORMS, MASK, TIME, compare_with_plain, every_form, noise

on_tensorflow = only_on("tensorflow", reason="needs float64")
ACTIVATIONS = ["tanh", "sigmoid", "hard_sigmoid", "linear", "relu", "softsign"]


@pytest.mark.sampled(8)
@pytest.mark.usefixtures("way")
@every_form
@pytest.mark.parametrize(
    "settings",
    [{}, {"mask": MASK, "truncate": 2, "return_sequences": False}],
    ids=["plain", "masked, truncated, last output"],
)
def test_hand_written_gradient_equals_autodiff_of_the_plain_forward(form, settings, monkeypatch):
    compare_with_plain(form, settings, monkeypatch)


@pytest.mark.parametrize("name", ["lstm coupled", "gru", "gru reset after"])
def test_hand_written_gradient_under_dropout(name, monkeypatch):
    compare_with_plain(FORMS[name], noise(FORMS[name]), monkeypatch)


@pytest.mark.sampled(8)
@on_tensorflow
@every_form
def test_gradient_equals_finite_differences(form):
    check_gradients(lambda *t: form(*t, mask=MASK), form.arrays())


@on_tensorflow
def test_gradient_equals_finite_differences_under_dropout_and_from_the_last_output():
    form = FORMS["gru"]
    check_gradients(lambda *t: form(*t, **noise(form), return_sequences=False), form.arrays())


@pytest.mark.sampled(8)
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["simple", "lstm coupled delayed", "gru"])
def test_truncation_stops_the_gradient_at_the_borders_of_blocks(name):
    form = FORMS[name]

    def in_blocks(x, w, u, b, *states):
        pieces = []
        for start in range(0, TIME, 4):
            if start:
                states = [keras.ops.stop_gradient(state) for state in states]
            piece, *states = form(x[:, start : start + 4], w, u, b, *states)
            pieces.append(piece)
        return keras.ops.concatenate(pieces, axis=1), *states

    compare_gradients(lambda *t: form(*t, truncate=4), in_blocks, form.arrays(), tolerance=2e-6)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("truncate", [TIME, 100])
def test_a_block_of_all_steps_is_full_back_propagation(truncate):
    form = FORMS["lstm"]
    compare_gradients(lambda *t: form(*t, truncate=truncate), form, form.arrays(), tolerance=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_known_activation(activation, monkeypatch):
    form = FORMS["simple"]._replace(settings={"activation": activation})
    compare_with_plain(form, {}, monkeypatch)


@pytest.mark.sampled(8)
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("name", "settings"),
    [("lstm", {"mask": MASK}), ("lstm", {"truncate": 2}), ("gru", {"mask": MASK})],
    ids=["lstm masked", "lstm truncated", "gru masked"],
)
def test_second_gradient_is_that_of_the_plain_forward(name, settings, monkeypatch):
    from keras_dlnotes.ops.recurrent import functions

    form = FORMS[name]

    def second():
        return second_gradients(lambda *tensors: form(*tensors, **settings)[0], form.arrays())

    found = second()
    monkeypatch.setattr(functions, "is_known", lambda activation: False)
    assert_close(found, second(), 1e-4)
