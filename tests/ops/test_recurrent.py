"""Recurrence over time against literal loops, the numbers of the notes, and PyTorch."""

import functools

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests import reference
from tests.exporting import as_exported
from tests.gradcheck import assert_close, check_gradients, gradients, outputs
from tests.ops.recurrent_forms import (
    BATCH,
    FEATURES,
    FORMS,
    MASK,
    TIME,
    UNITS,
    every_form,
    noise,
)


@pytest.mark.sampled(4)
@pytest.mark.usefixtures("way")
@every_form
@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_loop(form, masked):
    arrays = form.arrays()
    settings = {"mask": MASK} if masked else {}
    expected = form.loop(arrays, **settings)
    last = [expected[0][:, -1], *expected[1:]]
    for training in (True, False):
        call = functools.partial(form, **settings, training=training)
        assert_close(outputs(call, arrays), expected, 1e-6)
        found = outputs(lambda *t, call=call: call(*t, return_sequences=False), arrays)
        assert_close(found, last, 1e-6)


@every_form
@pytest.mark.parametrize("masked", [False, True])
def test_what_is_exported_equals_the_loop(form, masked):
    arrays = form.arrays()
    settings = {"mask": MASK, "truncate": 2} if masked else {}
    expected = form.loop(arrays, mask=MASK if masked else None)
    found = outputs(as_exported(lambda *t: form(*t, **settings)), arrays)
    assert_close(found, expected, 1e-6)
    last = [expected[0][:, -1], *expected[1:]]
    found = outputs(as_exported(lambda *t: form(*t, **settings, return_sequences=False)), arrays)
    assert_close(found, last, 1e-6)


def test_skipped_steps_can_give_zero():
    form = FORMS["lstm"]
    arrays, settings = form.arrays(), {"mask": MASK, "zero_output_for_mask": True}
    expected = form.loop(arrays, **settings)
    assert_close(outputs(lambda *t: form(*t, **settings), arrays), expected, 1e-6)
    found = outputs(lambda *t: form(*t, **settings, return_sequences=False), arrays)
    assert_close(found, [expected[0][:, -1], *expected[1:]], 1e-6)


@pytest.mark.parametrize("name", ["simple", "lstm", "gru", "gru reset after"])
def test_dropout_equals_the_loop_in_which_each_gate_sees_its_own_mask(name):
    form = FORMS[name]
    x, w, u, b, hidden, *carry = form.arrays()
    masks = noise(form)
    biases = [*b] if form.biases else [b, 0 * b]

    def blocks(array):
        return np.split(array, form.blocks, axis=-1)

    expected = []
    for t in range(TIME):
        of_input = [
            x[:, t] * masks["input_masks"][:, gate] @ block + bias
            for gate, (block, bias) in enumerate(zip(blocks(w), blocks(biases[0]), strict=True))
        ]

        def of_hidden(gate, hidden):
            mask = masks["recurrent_masks"][:, gate]
            return hidden * mask @ blocks(u)[gate] + blocks(biases[1])[gate]

        if name == "simple":
            hidden = np.tanh(of_input[0] + of_hidden(0, hidden))
        elif name == "lstm":
            i, f, g, o = (a + of_hidden(gate, hidden) for gate, a in enumerate(of_input))
            kept, written = (reference.sigmoid(a) for a in (f, i))
            carry = [kept * carry[0] + written * np.tanh(g)]
            hidden = reference.sigmoid(o) * np.tanh(carry[0])
        else:
            z, r = (reference.sigmoid(of_input[gate] + of_hidden(gate, hidden)) for gate in (0, 1))
            after = form.settings["reset_after"]
            from_hidden = r * of_hidden(2, hidden) if after else of_hidden(2, r * hidden)
            hidden = z * hidden + (1 - z) * np.tanh(of_input[2] + from_hidden)
        expected.append(hidden)
    arrays = form.arrays()
    found = outputs(lambda *t: form(*t, **masks), arrays)
    assert_close(found, [np.stack(expected, axis=1), hidden, *carry], 1e-6)


def test_one_output_gate_step_of_the_notes():
    """(0.3, 0.7, 0.6) ⊙ (0.7, 0.8, 0.5) = (0.21, 0.56, 0.30): φ is linear, c stays, o is given."""
    carry, gate = np.array([[0.3, 0.7, 0.6]]), np.array([[0.7, 0.8, 0.5]])
    logit = np.log(gate / (1 - gate))[0]
    bias = np.concatenate([np.full(3, -100.0), np.full(3, 100.0), np.zeros(3), logit])
    x, w, u = np.zeros((1, 1, 1)), np.zeros((1, 12)), np.zeros((3, 12))
    states = [np.zeros((1, 3)), carry]
    hidden = ops.lstm(x, w, u, bias, states, activation="linear")[1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(hidden), [[0.21, 0.56, 0.30]], atol=1e-6)
    # the slide's own indices: the gate is that of the step before
    hidden = ops.lstm(x, w, u, bias, [*states, gate], activation="linear", output_gate="delayed")[1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(hidden), [[0.21, 0.56, 0.30]], atol=1e-6)


def test_a_delayed_gate_starts_from_its_bias():
    form = FORMS["lstm delayed"]
    x, w, u, b, *_ = form.arrays()
    zeros = np.zeros((BATCH, UNITS))
    first = [zeros, zeros, zeros + reference.sigmoid(b[-UNITS:])]
    expected = form.loop([x, w, u, b, *first])
    assert_close(outputs(form, [x, w, u, b]), expected, 1e-6)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("op", ["simple_rnn", "lstm", "gru"])
def test_equals_pytorch(op):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    form = {"simple_rnn": FORMS["simple"], "lstm": FORMS["lstm"], "gru": FORMS["gru reset after"]}[
        op
    ]
    # Keras's order of blocks in PyTorch's: LSTM i f g o, GRU r z n
    order = {"simple_rnn": [0], "lstm": [0, 1, 2, 3], "gru": [1, 0, 2]}[op]
    module = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[op](
        FEATURES, UNITS, batch_first=True
    )

    def blocks(weights):
        found = np.split(weights, form.blocks, axis=-1)
        return torch.tensor(np.concatenate([found[n] for n in order], axis=-1))

    x, w, u, b, *states = form.arrays()
    both = b if form.biases else np.stack([b, np.zeros_like(b)])
    parameters = {
        "weight_ih_l0": blocks(w).T,
        "weight_hh_l0": blocks(u).T,
        "bias_ih_l0": blocks(both[0]),
        "bias_hh_l0": blocks(both[1]),
    }
    module.load_state_dict(parameters)
    tensor = torch.tensor(x, requires_grad=True)
    first = [torch.tensor(state)[None] for state in states]
    expected, _ = module(tensor, tuple(first) if len(first) > 1 else first[0])
    assert_close(outputs(form, [x, w, u, b, *states])[:1], [expected.detach().numpy()])
    upstream = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    expected.backward(torch.tensor(upstream))

    found = gradients(lambda *t: form(*t)[0], [x, w, u, b, *states], [upstream])
    assert_close(found[:1], [tensor.grad.numpy()])
    for ours, theirs in zip(found[1:3], (module.weight_ih_l0, module.weight_hh_l0), strict=True):
        assert_close([blocks(ours).numpy()], [theirs.grad.numpy().T])


def test_any_function_will_do_for_an_activation():
    def softplus(a):
        return keras.ops.log(1 + keras.ops.exp(a))

    x, w, u, b, hidden = FORMS["simple"].arrays()
    found = outputs(lambda *t: ops.simple_rnn(*t, activation=softplus), [x, w, u, b, hidden])
    step = lambda x, h: [np.log(1 + np.exp(x @ w + h @ u + b))]  # noqa: E731
    sequence, last = reference.recurrence(step, x, [hidden])
    assert_close(found, [sequence, *last], 1e-6)
    if keras.backend.backend() == "tensorflow":
        check_gradients(lambda *t: ops.simple_rnn(*t, activation=softplus), [x, w, u, b, hidden])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    arrays = [keras.ops.cast(array, dtype) for array in FORMS["lstm"].arrays()]
    found = FORMS["lstm"](*arrays)
    assert {keras.backend.standardize_dtype(entry.dtype) for entry in found} == {dtype}
    exact = [keras.ops.convert_to_numpy(keras.ops.cast(array, "float32")) for array in arrays]
    found = [keras.ops.convert_to_numpy(keras.ops.cast(entry, "float32")) for entry in found]
    assert_close(found, FORMS["lstm"].loop(exact), 1e-3 if dtype == "float16" else 4e-3)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"inputs": np.ones((4, 3))}, "inputs"),
        ({"kernel": np.ones((5, 8))}, "kernel"),
        ({"recurrent_kernel": np.ones((2, 6))}, "recurrent_kernel"),
        ({"recurrent_kernel": np.ones(2)}, "recurrent_kernel"),
        ({"bias": np.ones(6)}, "bias"),
        ({"initial_state": [np.ones((4, 2))]}, "initial_state"),
        ({"initial_state": [np.ones((4, 2)), np.ones((4, 3))]}, "initial_state"),
        ({"mask": np.ones((4, 5), bool)}, "mask"),
        ({"mask": np.ones(4, bool)}, "mask"),
        ({"recurrent_masks": np.ones((4, 3, 2))}, "recurrent_masks"),
        ({"truncate": 0}, "truncate"),
        ({"truncate": 1.5}, "truncate"),
        ({"forget_gate": "x"}, "forget_gate"),
        ({"output_gate": None}, "output_gate"),
    ],
)
def test_bad_arguments_are_named(changes, name):
    x, w, u, b, *_ = FORMS["lstm"].arrays()
    arguments = {"inputs": x, "kernel": w, "recurrent_kernel": u, "bias": b, **changes}
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received: {name}="):
        ops.lstm(**arguments)
