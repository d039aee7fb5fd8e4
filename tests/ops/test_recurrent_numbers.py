"""Recurrence at the ends of what numbers can say: tiny, huge, long sums, and no steps at all."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests import reference
from tests.backends import only_on
from tests.gradcheck import assert_close, gradients, outputs
from tests.tensors import to_numpy

pytestmark = pytest.mark.compiled

on_compiled = only_on("tensorflow", "jax", reason="PyTorch would take a minute, step by step")


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("low", [-62.0, -30.0, -17.0])
@pytest.mark.parametrize("gate", ["i", "f", "o"])
def test_a_closed_gate_keeps_all_digits_and_so_does_its_gradient(gate, low):
    """One step of one unit, by its closed form: h = o tanh(c), c = f c₀ + i g."""
    bias = np.array([0.3, 0.2, 0.4, 0.1])
    bias["ifco".index(gate)] = low
    (i, f, _, o), g = _sigmoid(bias), np.tanh(bias[2])
    carry = f * 0.7 + i * g
    through = o * (1 - np.tanh(carry) ** 2)
    exact = [
        through * g * i * (1 - i),
        through * 0.7 * f * (1 - f),
        through * i * (1 - g**2),
        np.tanh(carry) * o * (1 - o),
    ]

    def call(bias):
        state = [np.zeros((1, 1), "float32"), np.full((1, 1), 0.7, "float32")]
        x, weights = np.ones((1, 1, 1), "float32"), np.zeros((1, 4), "float32")
        return ops.lstm(x, weights, weights, bias, state)[1]

    bias = bias.astype("float32")
    np.testing.assert_allclose(outputs(call, [bias])[0], [[o * np.tanh(carry)]], rtol=2e-6)
    (found,) = gradients(call, [bias], [_ones(1, 1)])
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_a_closed_gate_of_a_cell_has_a_gradient_in_the_loop_of_keras():
    layer = keras.layers.RNN(layers.LSTMCell(1, kernel_initializer="zeros"))
    x = np.ones((1, 1, 1), "float32")
    layer.build(x.shape)
    bias = np.array([-62.0, 0.2, 0.4, 0.1])

    def call(bias):
        cell = layer.cell
        a, b = keras.ops.zeros((1, 1)), keras.ops.full((1, 1), 0.7)
        kernel, recurrent = keras.ops.zeros((1, 4)), keras.ops.zeros((1, 4))
        values = [kernel, recurrent, bias]
        with keras.StatelessScope(list(zip(cell.trainable_variables, values, strict=True))):
            return layer(x, initial_state=[a, b])

    (found,) = gradients(call, [bias.astype("float32")], [_ones(1, 1)])
    (i, f, _, o), g = _sigmoid(bias), np.tanh(bias[2])
    exact = o * (1 - np.tanh(f * 0.7) ** 2) * g * i * (1 - i)
    np.testing.assert_allclose(found[0], exact, rtol=1e-5)


@pytest.mark.parametrize("low", [-62.0, -17.0, 3.0])
def test_inference_gives_what_training_gives_to_a_step_of_single_precision(low):
    bias = np.array([low, 0.2, 0.4, low], "float32")
    x, weights = np.ones((1, 1, 1), "float32"), np.zeros((1, 4), "float32")
    state = [np.zeros((1, 1), "float32"), np.full((1, 1), 0.7, "float32")]
    found = [ops.lstm(x, weights, weights, bias, state, training=flag)[1] for flag in (0, 1)]
    np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, found), atol=1.2e-7)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("reset_after", [False, True])
def test_closed_gates_of_a_gru_keep_all_digits(reset_after):
    """z and r nearly 0: h = z h₀ + (1 − z) ĥ where ĥ = tanh(r u h₀)."""
    low, weight, state = -62.0, 3.0, 0.7
    z = r = _sigmoid(low)
    expected = z * state + np.tanh(r * weight * state)
    x, w, u = np.zeros((1, 1, 1)), np.zeros((1, 3)), np.array([[0, 0, weight]])
    bias = np.array([low, low, 0])
    bias = np.stack([bias, 0 * bias]) if reset_after else bias
    arrays = [array.astype("float32") for array in (x, w, u, bias, np.full((1, 1), state))]

    def call(x, w, u, b, state):
        return ops.gru(x, w, u, b, state, reset_after=reset_after)[1]

    np.testing.assert_allclose(outputs(call, arrays)[0], [[expected]], rtol=1e-5)


@pytest.mark.parametrize("size", [1e-4, 1e-20])
def test_a_small_candidate_keeps_all_digits(size):
    """tanh(a) is a there, where 2σ(2a) − 1 would be of 6e−8 at a time."""
    x, w, u = np.full((1, 1, 1), size), np.array([[0, 0, 1, 0.0]]), np.zeros((1, 4))
    arrays = [array.astype("float32") for array in (x, w, u)]
    found = outputs(lambda *tensors: ops.lstm(*tensors)[2], arrays)[0]
    np.testing.assert_allclose(found, [[0.5 * np.tanh(size)]], rtol=1e-6)


@pytest.mark.sampled(8)
@pytest.mark.parametrize(
    ("op", "step", "blocks"),
    [
        ("simple_rnn", reference.simple_rnn_step, 1),
        ("lstm", reference.lstm_step, 4),
        ("gru", reference.gru_step, 3),
    ],
)
def test_the_largest_numbers_saturate(op, step, blocks):
    """x_t W is ±1e38 and more, and its partial sums are beyond all numbers."""
    generator = np.random.default_rng(0)
    x = 3e38 * generator.choice([-1.0, 1.0], (4, 5, 40))
    x[:2] = 3e38
    w, u = generator.normal(size=(40, 2 * blocks)), 0.1 * generator.normal(size=(2, 2 * blocks))
    states = [np.zeros((4, 2))] * (1 + (op == "lstm"))
    with np.errstate(over="ignore"):
        sequence, _ = reference.recurrence(step(w, u, np.zeros(2 * blocks)), x, states)
    mask = np.ones((4, 5), bool)  # with which PyTorch takes none of its own kernels

    def call(x, w, u):
        return getattr(ops, op)(x, w, u, mask=mask)[0]

    arrays = [array.astype("float32") for array in (x, w, u)]
    assert_close(outputs(call, arrays), [sequence], 1e-5)
    found = gradients(call, arrays, [_ones(*sequence.shape)])
    assert all(np.isfinite(array).all() for array in (found[0], found[2]))


def _sums(dtype, steps, rows=2):
    """∂E/∂W, ∂E/∂U, ∂E/∂b of h_t = w x_t for E = Σ h_t, found and in double precision."""
    x = np.random.default_rng(0).uniform(0, 2, (rows, steps, 1))
    x = to_numpy(keras.ops.cast(keras.ops.convert_to_tensor(x), dtype))
    arrays = [
        x,
        np.full((1, 1), 0.5, "float32"),
        np.zeros((1, 1), "float32"),
        np.zeros(1, "float32"),
    ]

    def call(*tensors):
        tensors = [keras.ops.cast(tensor, dtype) for tensor in tensors]
        outputs, _ = ops.simple_rnn(*tensors, activation="linear")
        return keras.ops.cast(outputs, "float32")

    exact = np.asarray(x, float)
    found = gradients(call, arrays, [_ones(rows, steps, 1)])
    return found[1:], [exact.sum(), exact[:, :-1].sum() * 0.5, rows * steps]


def _ones(*shape):
    return np.ones(shape, "float32")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("dtype", "steps"),
    [
        ("bfloat16", 1000),
        ("float16", 1000),
        ("float32", 1000),
        pytest.param("bfloat16", 100_000, marks=on_compiled),
        pytest.param("float32", 100_000, marks=on_compiled),
    ],
)
def test_gradients_that_are_sums_over_time_equal_those_in_double_precision(dtype, steps):
    found, exact = _sums(dtype, steps)
    rounding = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float32": 1e-5}[dtype]
    for gradient, expected in zip(found, exact, strict=True):
        np.testing.assert_allclose(gradient.ravel(), [expected], rtol=rounding)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("op", ["simple_rnn", "lstm", "gru"])
@pytest.mark.parametrize("masked", [False, True])
def test_a_sequence_of_no_steps_leaves_the_states_alone(op, masked):
    blocks = {"simple_rnn": 1, "lstm": 4, "gru": 3}[op]
    x, w, u = np.ones((2, 0, 3)), np.ones((3, 2 * blocks)), np.ones((2, 2 * blocks))
    states = [np.full((2, 2), 0.5 + n) for n in range(1 + (op == "lstm"))]
    arrays = [array.astype("float32") for array in (x, w, u, *states)]
    mask = np.ones((2, 0), bool) if masked else None

    def call(x, w, u, *states, **more):
        return getattr(ops, op)(x, w, u, None, list(states), mask, **more)

    assert_close(outputs(call, arrays), [np.zeros((2, 0, 2)), *states], 0)
    found = outputs(lambda *tensors: call(*tensors, return_sequences=False), arrays)
    assert_close(found, [np.zeros((2, 2)), *states], 0)
    found = gradients(lambda *tensors: call(*tensors)[1], arrays, [_ones(2, 2)])
    assert_close(found[1:4], [0 * arrays[1], 0 * arrays[2], np.ones((2, 2))], 0)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 4, 0), (2, 1, 3)])
@pytest.mark.parametrize("dropped", [False, True])
def test_no_rows_no_features_and_one_step(shape, dropped):
    batch, _, features = shape
    x, w, u = np.ones(shape), np.ones((features, 6)), 0.1 * np.ones((2, 6))
    arrays = [array.astype("float32") for array in (x, w, u)]
    noise = {
        "input_masks": np.ones((batch, 3, features)),
        "recurrent_masks": np.ones((batch, 3, 2)),
    }
    noise = {name: array.astype("float32") for name, array in noise.items()} if dropped else {}
    step = reference.gru_step(w, u, np.zeros(6))
    expected = reference.recurrence(step, x, [np.zeros((batch, 2))])[0].reshape(*shape[:2], 2)
    found = outputs(lambda *tensors: ops.gru(*tensors, **noise)[0], arrays)
    assert_close(found, [expected], 1e-6)
    found = gradients(
        lambda *tensors: ops.gru(*tensors, **noise)[0], arrays, [_ones(*shape[:2], 2)]
    )
    assert [array.shape for array in found] == [array.shape for array in arrays]


def test_whole_numbers_are_computed_as_floats():
    x, w, u = np.array([[[1], [2]]]), np.array([[1, 2, 1]]), np.array([[1, 0, 2]])
    for dtype in ("int32", "uint8", "bool"):
        arrays = [array.astype(dtype) for array in (x, w, u)]
        found = ops.gru(*arrays, initial_state=arrays[0][0, :1])
        expected = ops.gru(
            *(array.astype("float32") for array in arrays), initial_state=np.ones((1, 1)) * 1.0
        )
        for entry, exact in zip(found, expected, strict=True):
            assert keras.backend.standardize_dtype(entry.dtype) == "float32"
            assert_close([to_numpy(entry)], [to_numpy(exact)], 0)


def test_the_widest_type_wins():
    x, w, u = (keras.ops.ones(shape, "bfloat16") for shape in ((1, 2, 1), (1, 1), (1, 1)))
    for bias, expected in ((None, "bfloat16"), (np.ones(1, "float32"), "float32")):
        for entry in ops.simple_rnn(x, w, u, bias):
            assert keras.backend.standardize_dtype(entry.dtype) == expected
    found = ops.simple_rnn(np.ones((1, 2, 1), "int32"), w, u)
    assert keras.backend.standardize_dtype(found[0].dtype) == "bfloat16"


@pytest.mark.parametrize("name", ["inputs", "kernel", "recurrent_kernel", "bias", "initial_state"])
def test_complex_numbers_are_refused(name):
    shapes = {
        "inputs": (1, 2, 1),
        "kernel": (1, 1),
        "recurrent_kernel": (1, 1),
        "bias": (1,),
        "initial_state": (1, 1),
    }
    arrays = {
        key: np.ones(shape, "complex64" if key == name else "float32")
        for key, shape in shapes.items()
    }
    with pytest.raises(ValueError, match=f"Argument `{name}` must be a tensor of real numbers"):
        ops.simple_rnn(**arrays)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda *w: ops.simple_rnn(*w, activation="x"), "activation"),
        (lambda *w: ops.lstm(*w, recurrent_activation=3), "recurrent_activation"),
        (lambda *w: ops.gru(*w, activation=[1]), "activation"),
        (lambda *w: ops.gru("x", *w[1:]), "inputs"),
        (lambda *w: ops.simple_rnn(*w, mask="x"), "mask"),
        (lambda *w: ops.simple_rnn(*w, truncate=True), "truncate"),
        (lambda *w: ops.simple_rnn(*w, input_masks=np.ones((1, 2, 1))), "input_masks"),
        (lambda *w: ops.simple_rnn(w[0], np.ones((1, 0)), np.ones((0, 0))), "recurrent_kernel"),
        (lambda *w: ops.gradient_flow("x", *w, cell="simple"), "upstream"),
        (lambda *w: ops.gradient_flow(np.ones((1, 1)), *w, cell="x"), "cell"),
    ],
)
def test_bad_arguments_are_named(call, name):
    weights = np.ones((1, 2, 1), "float32"), np.ones((1, 1)), np.ones((1, 1))
    with pytest.raises(ValueError, match=f"Argument `{name}` must be"):
        call(*weights)
