"""The loops of the backward passes against difference quotients of the loops forward."""

import numpy as np
import pytest

from tests import reference
from tests import reference_gradients as gradients

RANDOM = np.random.default_rng(0)
FEATURES, UNITS, STEPS = 2, 3, 5


def quotients(loss, value, step=1e-6):
    """∂loss/∂value, a number at a time."""
    found = np.zeros(value.shape)
    for place in np.ndindex(value.shape):
        moved = np.zeros(value.shape)
        moved[place] = step
        found[place] = (loss(value + moved) - loss(value - moved)) / (2 * step)
    return found


def assert_gradients(loss, values, found):
    """Compares ∂loss/∂values[name] with what was found, and asks that none is 0 everywhere."""
    assert found.keys() == values.keys()
    for name, value in values.items():
        expected = quotients(lambda one, name=name: loss({**values, name: one}), value)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-8, err_msg=name)
        assert np.abs(expected).max() > 1e-3


def test_convolution():
    values = {"image": RANDOM.normal(size=(2, 5, 4, 2)), "kernel": RANDOM.normal(size=(3, 2, 2, 3))}
    settings = {"strides": (2, 1), "padding": ((1, 0), (1, 1))}
    shape = reference.convolve(*values.values(), **settings, dilation=(1, 1)).shape
    upstream = RANDOM.normal(size=shape)

    def loss(values):
        return np.sum(upstream * reference.convolve(*values.values(), **settings, dilation=(1, 1)))

    found = gradients.convolution_gradients(*values.values(), upstream, **settings)
    assert_gradients(loss, values, dict(zip(values, found, strict=True)))


def test_depthwise_separable_convolution():
    image, kernels = RANDOM.normal(size=(6, 5, 2)), RANDOM.normal(size=(3, 3, 2))
    mixing = RANDOM.normal(size=(2, 4))
    found, depthwise, pointwise = reference.depthwise_separable(image, kernels, mixing)
    settings = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
    filtered = reference.convolve(image[None], kernels[:, :, None], **settings, groups=2)
    expected = reference.convolve(filtered, mixing[None, None], **settings)
    np.testing.assert_allclose(found, expected[0], rtol=1e-12)
    assert (depthwise, pointwise) == (3 * 3 * 2 * 4 * 3, 2 * 4 * 3 * 4)


def test_batch_normalization():
    values = {"z": RANDOM.normal(5, 2, size=6), "scale": np.array(1.5), "shift": np.array(-0.5)}
    upstream, epsilon = RANDOM.normal(size=6), 1e-3

    def loss(values):
        z, scale, shift = values.values()
        normalized = (z - z.mean()) / np.sqrt(z.var() + epsilon)
        return np.sum(upstream * (scale * normalized + shift))

    found = gradients.batch_normalization_gradients(values["z"], 1.5, upstream, epsilon)
    assert_gradients(loss, values, dict(zip(values, found, strict=True)))


def _weights(names, **more):
    shapes = {}
    for name in names:
        of_h, of_x, bias = gradients.GATES[name]
        shapes |= {of_h: (UNITS, UNITS), of_x: (FEATURES, UNITS), bias: (UNITS,)}
    return {name: RANDOM.normal(size=shape) for name, shape in (shapes | more).items()}


X = RANDOM.normal(size=(STEPS, FEATURES))
UPSTREAM = RANDOM.normal(size=(STEPS, UNITS))


@pytest.mark.parametrize(("cell", "names"), [("lstm", "oifc"), ("gru", "oic")])
def test_gates(cell, names):
    states = getattr(gradients, f"{cell}_states")

    def loss(w):
        return sum(d @ h for d, (h, *_) in zip(UPSTREAM, states(X, w)[1:], strict=True))

    w = _weights(names)
    assert_gradients(loss, w, getattr(gradients, f"{cell}_gradients")(X, w, UPSTREAM))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_notes_letters_are_keras_blocks(cell):
    count = {"lstm": 4, "gru": 3}[cell] * UNITS
    weights = [RANDOM.normal(size=shape) for shape in [(FEATURES, count), (UNITS, count), (count,)]]
    step = getattr(reference, f"{cell}_step")(*weights)
    zeros = [np.zeros((1, UNITS))] * {"lstm": 2, "gru": 1}[cell]
    expected, _ = reference.recurrence(step, X[None], zeros)
    w = getattr(gradients, f"{cell}_letters")(*weights)
    found = [h for h, *_ in getattr(gradients, f"{cell}_states")(X, w)[1:]]
    np.testing.assert_allclose(found, expected[0], rtol=1e-12)


def test_simple_network():
    w = _weights("c", W_hy=(UNITS, 2), b_o=(2,))
    targets = RANDOM.normal(size=(STEPS, 2))

    def outputs(w):
        return np.array([h @ w["W_hy"] + w["b_o"] for h in gradients.rnn_states(X, w)[1:]])

    def loss(w):
        return np.sum((outputs(w) - targets) ** 2) / 2 / STEPS

    d_outputs = (outputs(w) - targets) / STEPS
    found = gradients.rnn_gradients(X, w, d_outputs)
    assert_gradients(loss, w, found)
    by_terms = gradients.rnn_gradient_by_terms(X, w, d_outputs @ w["W_hy"].T)
    np.testing.assert_allclose(by_terms, found["W_hh"], rtol=1e-10)


def test_the_sum_from_tau_takes_earlier_states_for_constants():
    w, first = _weights("c"), 3
    start = gradients.rnn_states(X[: first - 1], w)[-1]

    def loss(w):
        h, total = start, 0
        for x_t, d in zip(X[first - 1 :], UPSTREAM[first - 1 :], strict=True):
            h = np.tanh(x_t @ w["W_xh"] + h @ w["W_hh"] + w["b_h"])
            total += d @ h
        return total

    found = gradients.rnn_gradient_by_terms(X, w, UPSTREAM, first=first)
    expected = quotients(lambda one: loss({**w, "W_hh": one}), w["W_hh"])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
