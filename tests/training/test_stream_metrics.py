"""The logs of a stream are those of `evaluate` on it, however it is cut into windows."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, training
from tests.backends import BACKEND, carries_states

pytestmark = carries_states
ROWS, STEPS, CLASSES = 3, 17, 3
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(ROWS, STEPS, 2))
NUMBERS = GENERATOR.normal(size=(ROWS, STEPS, 1))
FLAGS = GENERATOR.integers(0, 2, size=(ROWS, STEPS, 1))
IDS = GENERATOR.integers(0, CLASSES, size=(ROWS, STEPS))
WEIGHTS = GENERATOR.uniform(size=(ROWS, STEPS))
ROW_WEIGHTS = GENERATOR.uniform(size=ROWS)
MASKED = INPUTS.copy()
for row, length in enumerate((17, 2, 9)):
    MASKED[row, length:] = 0.0
GONE = MASKED.copy()
GONE[:, 5:10] = 0.0  # a whole window of 5 without a step that counts
OTHER_STARTS = np.zeros((ROWS, STEPS), bool)
OTHER_STARTS[0, [4, 5, 11]] = True
# Keras's own is soonest compiled; on PyTorch its states are not carried
RECURRENT = layers.SimpleRNN if BACKEND == "torch" else keras.layers.SimpleRNN
HEEDLESS = {"root", "area", "weighted_area", "p"}  # Keras counts masked steps in these
OWN = keras.losses.SparseCategoricalCrossentropy


class Largest(keras.metrics.Metric):
    """A state that is no sum."""

    def __init__(self):
        super().__init__(name="largest")
        self.found = self.add_weight(shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.found.assign(keras.ops.maximum(self.found, keras.ops.max(keras.ops.abs(y_true))))

    def result(self):
        return self.found.value


def model_of(units, activation=None, regular="l2", **settings):
    keras.utils.set_random_seed(4)
    inputs = keras.Input((None, 2))
    hidden = RECURRENT(3, return_sequences=True, kernel_regularizer=regular)(
        keras.layers.Masking()(inputs)
    )
    outputs = keras.layers.Dense(units, activation=activation)(hidden)
    model = keras.Model(inputs, outputs)
    eager = settings["loss"] != "mse"  # the shorter way, but for one case
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False, run_eagerly=eager, **settings)
    return model


CASES = {
    "numbers": lambda: (
        model_of(
            1,
            loss="mse",
            metrics=["mae", keras.metrics.RootMeanSquaredError(name="root"), Largest()],
            weighted_metrics=["mae", keras.metrics.MeanSquaredError(name="square")],
        ),
        NUMBERS,
    ),
    "flags": lambda: (
        model_of(
            1,
            "sigmoid",
            loss="binary_crossentropy",
            metrics=["accuracy", keras.metrics.AUC(name="area"), keras.metrics.Precision(name="p")],
            weighted_metrics=[keras.metrics.AUC(name="weighted_area")],
        ),
        FLAGS,
    ),
    "classes": lambda: (
        model_of(CLASSES, "softmax", loss=OWN(), metrics=["accuracy"], weighted_metrics=["acc"]),
        IDS,
    ),
    "classes, one ignored": lambda: (
        model_of(CLASSES, "softmax", loss=OWN(ignore_class=1)),
        IDS,
    ),
    "a sum": lambda: (
        model_of(1, loss=keras.losses.MeanAbsoluteError("sum"), regular=None),
        NUMBERS,
    ),
    "weights in the divisor": lambda: (
        model_of(CLASSES, "softmax", loss=OWN(reduction="mean_with_sample_weight")),
        IDS,
    ),
}


def logs_of(model, inputs, targets, starts, weights, window):
    history = training.fit_truncated(
        model, (inputs, targets, starts, weights), window, epochs=2, verbose=0
    )
    return [{name: values[epoch] for name, values in history.history.items()} for epoch in (0, 1)]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("case", "inputs", "weights"),
    [
        ("numbers", "all steps", "unweighted"),
        ("numbers", "masks", "each step"),
        ("numbers", "a window masked", "each row"),
        ("flags", "all steps", "each step"),
        ("flags", "a window masked", "unweighted"),
        ("classes", "masks", "each row"),
        ("classes, one ignored", "all steps", "unweighted"),
        ("classes, one ignored", "masks", "each step"),
        ("a sum", "a window masked", "each step"),
        ("weights in the divisor", "all steps", "each row"),
        ("weights in the divisor", "masks", "each step"),
    ],
)
def test_logs_are_those_of_evaluate(case, inputs, weights):
    model, targets = CASES[case]()
    is_masked = inputs != "all steps"
    inputs = {"all steps": INPUTS, "masks": MASKED, "a window masked": GONE}[inputs]
    given = {"unweighted": None, "each step": WEIGHTS, "each row": ROW_WEIGHTS}[weights]
    spread = WEIGHTS if weights == "each step" else None
    if weights == "each row":
        spread = np.repeat(ROW_WEIGHTS[:, None], STEPS, axis=1)
    expected = model.evaluate(
        inputs, targets, sample_weight=spread, batch_size=ROWS, verbose=0, return_dict=True
    )
    for logs in logs_of(model, inputs, targets, None, given, window=5):
        assert logs.keys() == expected.keys()
        for name in logs.keys() - (HEEDLESS if is_masked else set()):
            assert logs[name] == pytest.approx(expected[name], rel=2e-5), name


@pytest.mark.thorough
def test_windows_that_end_early_weigh_by_their_steps():
    model, targets = CASES["numbers"]()
    whole = model.predict(INPUTS, verbose=0)
    for begin in (4, 5, 11):  # each output from the last start
        whole[0, begin:] = model.predict(INPUTS[:1, begin:], verbose=0)[0]
    for logs in logs_of(model, INPUTS, targets, OTHER_STARTS, None, window=5):
        assert logs["mae"] == pytest.approx(np.abs(whole - targets).mean(), rel=1e-5)
        assert logs["root"] == pytest.approx(np.sqrt(np.mean((whole - targets) ** 2)), rel=1e-5)


def several(masked):
    keras.utils.set_random_seed(4)
    inputs = keras.Input((None, 2))
    hidden = RECURRENT(3, return_sequences=True)(keras.layers.Masking()(inputs))
    plain = RECURRENT(3, return_sequences=True)(inputs)
    outputs = [
        keras.layers.Dense(1, name="first")(hidden),
        keras.layers.Dense(1, name="second")(hidden if masked else plain),
    ]
    model = keras.Model([inputs], outputs)
    model.compile(
        keras.optimizers.SGD(0.0),
        ["mse", "mae"],
        loss_weights=[0.3, 2.0],
        metrics=[["mae"], ["mse"]],
        weighted_metrics=[["mae"], []],
        run_eagerly=True,
    )
    return model


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("masked", "weights"), [(True, None), (False, WEIGHTS), (True, [WEIGHTS, WEIGHTS**2])]
)
def test_several_outputs(masked, weights):
    model, targets = several(masked), [NUMBERS, FLAGS]
    expected = model.evaluate(
        [MASKED],
        targets,
        sample_weight=[WEIGHTS] * 2 if weights is WEIGHTS else weights,
        batch_size=ROWS,
        verbose=0,
        return_dict=True,
    )
    for logs in logs_of(model, [MASKED], targets, None, weights, window=5):
        if not masked:  # the sum is over outputs that mask other steps
            logs["loss"], expected["loss"] = 0.0, 0.0
        assert logs == pytest.approx(expected, rel=2e-5)


def test_weights_are_learned_from():
    """A row of weight 0 teaches nothing; twice the weight is twice the gradient."""
    rows = {}
    for weights in ([1.0, 0.0, 0.0], [2.0, 0.0, 0.0]):
        model, targets = CASES["numbers"]()
        model.optimizer.learning_rate = 1e-3
        before = model.get_weights()[-1]
        other = np.where(np.arange(ROWS)[:, None, None] > 0, 1e3, targets)
        training.fit_truncated(model, (INPUTS, other, None, np.array(weights)), 17, verbose=0)
        rows[weights[0]] = model.get_weights()[-1] - before
    np.testing.assert_allclose(rows[2.0], 2 * rows[1.0], rtol=1e-3)
    assert np.all(np.abs(rows[1.0]) < 1e-2)


def test_weights_stay_as_they_were():
    """Keras writes to them on PyTorch, whose tensors and NumPy's arrays share their memory."""
    model, targets = CASES["numbers"]()
    weights = WEIGHTS.astype("float32")
    before = weights.copy()
    training.fit_truncated(model, (MASKED.astype("float32"), targets, None, weights), 5, verbose=0)
    np.testing.assert_array_equal(weights, before)


@pytest.mark.thorough
def test_a_model_keeps_its_own_ways_afterwards():
    model, targets = CASES["numbers"]()
    own = set(vars(model))
    training.fit_truncated(
        model, (MASKED, targets), 5, validation_data=(INPUTS, targets), verbose=0
    )
    assert set(vars(model)) - own <= {"history", "stop_evaluating"}
    first = model.evaluate(INPUTS[:, :3], targets[:, :3], verbose=0)
    assert model.evaluate(INPUTS[:, :3], targets[:, :3], verbose=0) == pytest.approx(first)
