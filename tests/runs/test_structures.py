"""Lists and dicts of inputs and targets, and sample weights: as `keras.Model.fit` takes them."""

import keras
import numpy as np
import pytest

from keras_dlnotes.runs import RunFolder, ShuffledBatches, fit_resumable
from tests.metrics import OfFloat32

COUNT = 6
GENERATOR = np.random.default_rng(0)
LEFT, RIGHT = GENERATOR.normal(size=(2, COUNT, 2))
FIRST, SECOND = GENERATOR.normal(size=(2, COUNT, 1))
WEIGHTS, OTHERS = GENERATOR.uniform(size=(2, COUNT))
STRUCTURES = {
    "arrays": (LEFT, FIRST),
    "lists": ([LEFT, RIGHT], [FIRST, SECOND]),
    "tuples": ((LEFT, RIGHT), (FIRST, SECOND)),
    "dicts": ({"left": LEFT, "right": RIGHT}, {"first": FIRST, "second": SECOND}),
    "a list in a dict": ({"both": [LEFT, RIGHT]}, [FIRST, SECOND]),
    "a dict in a list": ([LEFT, {"right": RIGHT}], [FIRST, SECOND]),
    "a list of one": ([LEFT], [FIRST]),
}
WEIGHTED = {"none": None, "one an example": WEIGHTS, "a column": WEIGHTS[:, None], "each": ...}
CASES = [(structure, "none") for structure in STRUCTURES]
CASES += [("lists", "one an example"), ("lists", "a column"), ("lists", "each"), ("dicts", "each")]
CASES += [("arrays", "one an example")]


def model_of(inputs, targets):
    keras.utils.set_random_seed(0)
    inputs = keras.tree.map_structure(lambda array: keras.Input(array.shape[1:]), inputs)
    flat = keras.tree.flatten(inputs)
    joined = keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    names = iter(["first", "second"])
    outputs = keras.tree.map_structure(
        lambda array: keras.layers.Dense(1, name=next(names))(joined), targets
    )
    model = keras.Model(inputs, outputs)
    metrics = keras.tree.map_structure(lambda array: OfFloat32(name="own"), targets)
    metrics = metrics if keras.tree.is_nested(targets) else [metrics]
    losses = keras.tree.map_structure(lambda array: "mse", targets)
    model.compile(keras.optimizers.SGD(0.1), losses, metrics=metrics, run_eagerly=True)
    return model


def weighted(targets, weights):
    if weights is ...:
        several = iter([WEIGHTS, OTHERS])
        return keras.tree.map_structure(lambda _: next(several), targets)
    return weights


def assert_same(model, history, reference, expected):
    for value, other in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        assert history[name] == pytest.approx(values[0], rel=1e-5), name


@pytest.mark.sampled(12)
@pytest.mark.parametrize(("structure", "weights"), CASES)
def test_a_resumable_fit_is_that_of_keras(structure, weights, tmp_path):
    inputs, targets = STRUCTURES[structure]
    data = inputs, targets, weighted(targets, WEIGHTED[weights])
    reference = model_of(inputs, targets)
    expected = reference.fit(
        *data[:2], sample_weight=data[2], batch_size=COUNT, validation_data=data, verbose=0
    ).history

    def own(x, y, sample_weight=None, **options):
        return model.fit(x, y, sample_weight=sample_weight, batch_size=COUNT, **options)

    for name, fit in (("ours", None), ("own", own)):
        model = model_of(inputs, targets)
        with RunFolder(tmp_path / name, {}) as folder:
            state = fit_resumable(
                model,
                data,
                data,
                folder,
                epochs=1,
                batch_size=COUNT,
                seed=0,
                patience=1,
                fit=fit,
                verbose=0,
            )
        assert_same(model, state.history[0], reference, expected)


@pytest.mark.parametrize(
    ("targets", "weights"),
    [
        (FIRST, [WEIGHTS]),
        (FIRST, {"first": WEIGHTS}),
        ([FIRST, SECOND], [WEIGHTS]),
        ([FIRST, SECOND], {"first": WEIGHTS, "second": WEIGHTS}),
        ({"first": FIRST, "second": SECOND}, {"first": WEIGHTS}),
        ([FIRST, SECOND], np.ones((COUNT, 3))),
    ],
)
def test_weights_that_fit_no_targets_are_refused(targets, weights):
    with pytest.raises(ValueError, match="`arrays` must be with sample weights for each"):
        ShuffledBatches((LEFT, targets, weights), 2, seed=0)


@pytest.mark.parametrize("count", [0, 4])
def test_one_to_three_parts(count):
    with pytest.raises(ValueError, match=r"`arrays` must be made of \(inputs, targets\) or"):
        ShuffledBatches((LEFT,) * count, 2, seed=0)
