"""Recurrence over time against literal loops, autodiff, finite differences and PyTorch."""

import functools
from typing import NamedTuple

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests import reference
from tests.backends import only_on
from tests.exporting import as_exported
from tests.gradcheck import (
    assert_close,
    check_gradients,
    compare_gradients,
    gradients,
    outputs,
    second_gradients,
)

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 2
# right-padded, left-padded, with holes, and nothing at all
MASK = np.array(
    [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0]], bool
)

on_tensorflow = only_on("tensorflow", reason="needs float64 or tf.function")


class Form(NamedTuple):
    """One of the recurrent ops with its settings."""

    op: str
    blocks: int
    states: int
    settings: dict
    step: object
    biases: tuple = ()

    def __call__(self, *tensors, **more):
        """x, W, U, b and the initial states → all outputs."""
        x, w, u, b, *states = tensors
        return getattr(ops, self.op)(x, w, u, b, states or None, **self.settings, **more)

    def arrays(self, seed=0):
        generator = np.random.default_rng(seed)
        width = self.blocks * UNITS
        shapes = [(BATCH, TIME, FEATURES), (FEATURES, width), (UNITS, width), (*self.biases, width)]
        shapes += [(BATCH, UNITS)] * self.states
        return [generator.normal(size=shape).astype("float32") for shape in shapes]

    def loop(self, arrays, **settings):
        x, w, u, b, *states = (np.asarray(array, float) for array in arrays)
        sequence, last = reference.recurrence(self.step(w, u, b), x, states, **settings)
        return [sequence, *last]


def _lstm(forget_gate, output_gate):
    coupled, delayed = forget_gate == "coupled", output_gate == "delayed"
    step = functools.partial(reference.lstm_step, coupled=coupled, delayed=delayed)
    settings = {"forget_gate": forget_gate, "output_gate": output_gate}
    return Form("lstm", 4 - coupled, 2 + delayed, settings, step)


FORMS = {
    "simple": Form("simple_rnn", 1, 1, {}, reference.simple_rnn_step),
    "lstm": _lstm("separate", "current"),
    "lstm coupled": _lstm("coupled", "current"),
    "lstm delayed": _lstm("separate", "delayed"),
    "lstm coupled delayed": _lstm("coupled", "delayed"),
    "gru": Form("gru", 3, 1, {"reset_after": False}, reference.gru_step),
    "gru reset after": Form(
        "gru",
        3,
        1,
        {"reset_after": True},
        functools.partial(reference.gru_step, reset_after=True),
        (2,),
    ),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def _noise(form, seed=3):
    generator = np.random.default_rng(seed)
    return {
        "input_masks": 2.0 * generator.integers(0, 2, (BATCH, form.blocks, FEATURES)),
        "recurrent_masks": 2.0 * generator.integers(0, 2, (BATCH, form.blocks, UNITS)),
    }


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


@pytest.mark.usefixtures("way")
@every_form
@pytest.mark.parametrize(
    "settings",
    [{}, {"mask": MASK, "truncate": 2, "return_sequences": False}],
    ids=["plain", "masked, truncated, last output"],
)
def test_hand_written_gradient_equals_autodiff_of_the_plain_forward(form, settings, monkeypatch):
    _compare_with_plain(form, settings, monkeypatch)


@pytest.mark.parametrize("name", ["lstm coupled", "gru", "gru reset after"])
def test_hand_written_gradient_under_dropout(name, monkeypatch):
    _compare_with_plain(FORMS[name], _noise(FORMS[name]), monkeypatch)


@pytest.mark.parametrize("name", ["simple", "lstm", "gru", "gru reset after"])
def test_dropout_equals_the_loop_in_which_each_gate_sees_its_own_mask(name):
    form = FORMS[name]
    x, w, u, b, hidden, *carry = form.arrays()
    noise = _noise(form)
    biases = [*b] if form.biases else [b, 0 * b]

    def blocks(array):
        return np.split(array, form.blocks, axis=-1)

    expected = []
    for t in range(TIME):
        of_input = [
            x[:, t] * noise["input_masks"][:, gate] @ block + bias
            for gate, (block, bias) in enumerate(zip(blocks(w), blocks(biases[0]), strict=True))
        ]

        def of_hidden(gate, hidden):
            mask = noise["recurrent_masks"][:, gate]
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
    found = outputs(lambda *t: form(*t, **noise), arrays)
    assert_close(found, [np.stack(expected, axis=1), hidden, *carry], 1e-6)


def _compare_with_plain(form, settings, monkeypatch):
    from keras_dlnotes.ops.recurrent import functions

    def plain(*tensors):
        with monkeypatch.context() as patch:
            patch.setattr(functions, "is_known", lambda activation: False)
            return form(*tensors, **settings)

    compare_gradients(lambda *t: form(*t, **settings), plain, form.arrays(), tolerance=2e-6)


@on_tensorflow
@every_form
def test_gradient_equals_finite_differences(form):
    check_gradients(lambda *t: form(*t, mask=MASK), form.arrays())


@on_tensorflow
def test_gradient_equals_finite_differences_under_dropout_and_from_the_last_output():
    form = FORMS["gru"]
    check_gradients(lambda *t: form(*t, **_noise(form), return_sequences=False), form.arrays())


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


ACTIVATIONS = ["tanh", "sigmoid", "hard_sigmoid", "linear", "relu", "softsign"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_known_activation(activation, monkeypatch):
    form = FORMS["simple"]._replace(settings={"activation": activation})
    _compare_with_plain(form, {}, monkeypatch)


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


@on_tensorflow
def test_sizes_unknown_until_the_call():
    import tensorflow as tf

    form = FORMS["lstm"]
    x, w, u, b, *_ = form.arrays()

    @tf.function(input_signature=[tf.TensorSpec((None, None, FEATURES))])
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = form(x, w, u, b)
            loss = tf.reduce_sum(found[0] ** 3)
        return (*found, tape.gradient(loss, x))

    zeros = np.zeros((12, UNITS))
    generator = np.random.default_rng(1)
    for batch, time in ((1, 1), (9, 5), (12, 40), (12, 37)):
        x = generator.normal(size=(batch, time, FEATURES)).astype("float32")
        *found, gradient = [entry.numpy() for entry in step(x)]
        assert_close(found, form.loop([x, w, u, b, zeros[:batch], zeros[:batch]]), 1e-6)
        (expected,) = gradients(lambda x: form(x, w, u, b)[0], [x], [3 * found[0] ** 2])
        assert_close([gradient], [expected])


@on_tensorflow
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_an_open_length_is_rounded_up_unseen(masked, sequences):
    import tensorflow as tf

    form = FORMS["gru"]
    x, *others = form.arrays()
    x = np.random.default_rng(2).normal(size=(BATCH, 19, FEATURES)).astype("float32")
    mask = np.random.default_rng(3).random((BATCH, 19)) < 0.6 if masked else None
    for zeros in (False, True):
        settings = {
            "truncate": 5,
            "return_sequences": sequences,
            "zero_output_for_mask": zeros,
            "mask": mask,
        }

        def step(*tensors, settings=settings):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                found = form(*tensors, **settings)
                loss = sum(tf.reduce_sum(entry**2) for entry in found)
            return [*found, *tape.gradient(loss, tensors)]

        tensors = [tf.constant(array) for array in (x, *others)]
        shapes = [
            tf.TensorSpec((None, None, FEATURES)),
            *map(tf.TensorSpec.from_tensor, tensors[1:]),
        ]
        found = tf.function(step, autograph=False, input_signature=shapes)(*tensors)
        assert_close(
            [entry.numpy() for entry in found], [entry.numpy() for entry in step(*tensors)]
        )


@on_tensorflow
def test_there_are_four_lengths_for_each_doubling():
    from keras_dlnotes.ops.recurrent.lengths import _rounded_up

    found = [int(_rounded_up(keras.ops.convert_to_tensor(n))) for n in range(1, 1001)]
    assert found[:8] == list(range(1, 9))
    assert sorted({n for n in found if n > 32 and n <= 128}) == [40, 48, 56, 64, 80, 96, 112, 128]
    assert all(n <= rounded <= 1.25 * n for n, rounded in enumerate(found, 1))


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


@every_form
@pytest.mark.parametrize("last_alone", [False, True])
def test_gradient_flow_is_the_gradient_at_each_hidden_state(form, last_alone):
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
    [({"cell": "x"}, "cell"), ({"upstream": np.ones((4, 3))}, "upstream")],
)
def test_bad_arguments_of_gradient_flow_are_named(changes, name):
    x, w, u, b, *_ = FORMS["lstm"].arrays()
    arguments = {"upstream": np.ones((4, 2)), "inputs": x, "kernel": w, "recurrent_kernel": u}
    with pytest.raises(ValueError, match=f"Argument `{name}` must be"):
        ops.gradient_flow(**{**arguments, "bias": b, **changes})
