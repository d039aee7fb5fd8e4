"""How much of the gradient reaches each step of a recurrence, against autodiff."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests.gradcheck import gradients
from tests.ops.recurrent_forms import BATCH, FORMS, MASK, TIME, UNITS, every_form


@pytest.mark.sampled
@every_form
@pytest.mark.parametrize("last_alone", [False, True])
def test_it_is_the_gradient_at_each_hidden_state(form, last_alone):
    """Against ∂L/∂h₀ of the rest of the sequence, one step after the other."""
    x, w, u, b, *states = form.arrays()
    shape = (BATCH, UNITS) if last_alone else (BATCH, TIME, UNITS)
    upstream = np.random.default_rng(2).normal(size=shape).astype("float32")
    cell = form.op.removesuffix("_rnn")
    found = ops.gradient_flow(upstream, x, w, u, b, states, cell=cell, **form.settings)

    settings = {"return_sequences": not last_alone}
    last = BATCH * [0]
    for t in (TIME - 1, 2, 0):  # h_t is the last output of the first t + 1 steps
        _, *after = form(x[:, : t + 1], w, u, b, *states)
        after = [keras.ops.convert_to_numpy(state) for state in after]
        here = upstream if last_alone else upstream[:, t]
        if t == TIME - 1:
            last = here
        else:
            rest = upstream if last_alone else upstream[:, t + 1 :]
            (_, _, _, _, last, *_) = gradients(
                lambda *tensors, t=t: form(x[:, t + 1 :], w, u, b, *tensors[4:], **settings)[0],
                [x, w, u, b, *after],
                [rest],
            )
            last = last if last_alone else last + here
        norms = keras.ops.convert_to_numpy(found)[:, t]
        np.testing.assert_allclose(norms, np.linalg.norm(last, axis=-1), rtol=1e-4, atol=1e-6)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("masked", [False, True])
@every_form
def test_it_starts_from_the_last_states_too(form, masked):
    """A first step that is skipped hands on the initial state, whose gradient autodiff knows."""
    x, w, u, b, *states = form.arrays()
    mask = MASK if masked else np.ones_like(MASK)
    generator = np.random.default_rng(2)
    upstream = generator.normal(size=(1 + form.states, BATCH, UNITS)).astype("float32")
    found = ops.gradient_flow(
        upstream[0],
        np.concatenate([x[:, :1], x], axis=1),
        *(w, u, b, states),
        np.concatenate([np.zeros((BATCH, 1), bool), mask], axis=1),
        cell=form.op.removesuffix("_rnn"),
        state_upstream=list(upstream[1:]),
        **form.settings,
    )

    def last(*tensors):
        return form(*tensors, mask=mask, return_sequences=False)

    expected = gradients(last, [x, w, u, b, *states], upstream)[4]
    norms = keras.ops.convert_to_numpy(found)[:, 0]
    np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=-1), rtol=1e-4)


def test_a_gradient_vanishes_in_a_simple_network_and_not_behind_an_open_gate():
    time = 50
    x, upstream = np.zeros((1, time, 1)), np.ones((1, 1))
    weights = {"kernel": np.zeros((1, 1)), "recurrent_kernel": np.array([[0.5]])}
    norms = ops.gradient_flow(upstream, x, **weights, cell="simple", activation="linear")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(norms)[0, :2], 0.5 ** np.array([49, 48]))
    bias = np.array([-10.0, 0, 0])  # z ≈ 0 would forget; z ≈ 1 keeps
    kept, lost = (
        ops.gradient_flow(upstream, x, np.zeros((1, 3)), np.zeros((1, 3)), sign * bias, cell="gru")
        for sign in (-1, 1)
    )
    assert float(kept[0, 0]) > 0.99
    assert float(lost[0, 0]) < 1e-6


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"cell": "x"}, "cell"),
        ({"upstream": np.ones((4, 3))}, "upstream"),
        ({"state_upstream": [np.ones((4, 2))]}, "state_upstream"),
        ({"state_upstream": np.ones((2, 4, 3))}, "state_upstream"),
        ({"activation": keras.ops.sin}, "activation"),
    ],
)
def test_bad_arguments_are_named(changes, name):
    x, w, u, b, *_ = FORMS["lstm"].arrays()
    arguments = {"upstream": np.ones((4, 2)), "inputs": x, "kernel": w, "recurrent_kernel": u}
    with pytest.raises(ValueError, match=f"Argument `{name}` must be"):
        ops.gradient_flow(**{**arguments, "bias": b, **changes})
