"""Sampling from models of every kind, against a literal loop over whole calls."""

import keras
import numpy as np
import pytest

from keras_dlnotes.common.graph import layers_of
from keras_dlnotes.models import sample
from tests.models.writers import AHEAD, VOCABULARY, WRITERS, Restless, chain, decisive, graph

PROMPT = [[3, 1, 4], [5, 2, 6]]


def array(tensor):
    return keras.ops.convert_to_numpy(tensor).astype("float64")


def _gru():
    return keras.layers.GRU(4, return_sequences=True)


def literally(model, prompt, steps, temperature, seed, from_logits=False):
    """Each token by a call of the model on all before it, and by the Gumbel trick."""
    generator, ids = np.random.default_rng(seed), np.array(prompt)
    inputs = getattr(model, "inputs", None)
    rows, length = inputs[0].shape if inputs else (None, None)
    for _ in range(steps):
        time = ids.shape[1]
        read = np.pad(ids, ((0, 0), (0, (length or time) - time)))
        following = []
        for part in read.reshape(-1, rows or len(ids), read.shape[1]):
            for layer in layers_of(model):
                if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                    layer.reset_state()
            outputs = array(model(part, training=False))
            following.extend(outputs[:, time - 1] if outputs.ndim == 3 else outputs)
        scores = np.array(following) if from_logits else np.log(following)
        scores = scores[:, 1:] / temperature
        noise = generator.gumbel(size=(len(ids), VOCABULARY))[:, 1:]
        ids = np.concatenate([ids, 1 + (scores + noise).argmax(axis=1)[:, np.newaxis]], axis=1)
    return ids


@pytest.mark.sampled(4)
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", WRITERS)
def test_is_what_whole_calls_give(name):
    model = decisive(WRITERS[name]())
    before = [array(weight) for weight in model.weights]
    received = sample(model, PROMPT, 3, temperature=1.5, seed=3)
    np.testing.assert_array_equal(received, literally(model, PROMPT, 3, 1.5, seed=3))
    for weight, value in zip(model.weights, before, strict=True):
        if "state" not in weight.name:
            np.testing.assert_array_equal(array(weight), value)


@pytest.mark.sampled(4)
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", AHEAD)
def test_models_that_look_ahead_are_refused(name):
    with pytest.raises(ValueError, match="Argument `model` must be one that goes in one direction"):
        sample(AHEAD[name](), PROMPT, 2, seed=0)


@pytest.mark.parametrize("last", [None, "log_softmax"])
@pytest.mark.parametrize("build", ["chain", "graph", "last step alone"])
def test_logits_and_their_logarithms_of_probabilities(build, last):
    gru = keras.layers.GRU(4, return_sequences=build != "last step alone")
    model = decisive(graph(gru, last) if build == "graph" else chain(gru, last=last))
    received = sample(model, PROMPT, 5, seed=3, from_logits=True)
    np.testing.assert_array_equal(received, literally(model, PROMPT, 5, 1, 3, from_logits=True))
    with pytest.raises(
        ValueError, match=r"Argument `model` must be .*logits need from_logits=True"
    ):
        sample(model, PROMPT, 5, seed=3)


@pytest.mark.parametrize("build", ["Keras's", "residual", "softmax layer"])
def test_probabilities_are_no_logits(build):
    with pytest.raises(ValueError, match="Argument `from_logits` must be False"):
        sample(WRITERS[build](), PROMPT, 2, from_logits=True)


@pytest.mark.parametrize("wrap", [lambda x: x, keras.layers.Rescaling(1)])
def test_a_row_of_logits_that_looks_like_probabilities(wrap):
    table = np.random.default_rng(0).normal(size=(VOCABULARY, VOCABULARY))
    table[3] = np.eye(VOCABULARY)[4]
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, wrap(keras.layers.Embedding(VOCABULARY, VOCABULARY)(ids)))
    model.set_weights([table])
    with pytest.raises(
        ValueError, match=r"Argument `model` must be .*logits need from_logits=True"
    ):
        sample(model, [3], 1)
    drawn = sample(model, [[3]] * 5000, 1, seed=0, from_logits=True)[:, 1]
    expected = np.exp(table[3])
    expected[0] = 0
    frequencies = np.bincount(drawn, minlength=VOCABULARY) / len(drawn)
    np.testing.assert_allclose(frequencies, expected / expected.sum(), atol=0.03)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("build", "policy"),
    [
        ("ours", "mixed_float16"),
        ("residual", "mixed_bfloat16"),
        ("logits", "mixed_bfloat16"),
        ("logits", "float64"),
    ],
)
def test_types(build, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = decisive((WRITERS | {"logits": lambda: graph(_gru(), None)})[build]())
    finally:
        keras.config.set_dtype_policy(before)
    drawn = sample(model, PROMPT, 6, temperature=0, from_logits=build == "logits")
    outputs = array(model(drawn[:, :-1]))[:, 2:]
    outputs = np.exp(outputs) if build == "logits" else outputs
    chosen = np.take_along_axis(outputs, drawn[:, 3:, np.newaxis], axis=2)[:, :, 0]
    # one of the likeliest: a unit in the last place of half precision may decide
    assert np.all(chosen >= 0.9 * outputs[:, :, 1:].max(axis=2))


def test_half_precision_of_both_ways_is_refused():
    model = chain(keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True)))
    for dtype in ("mixed_float16", "mixed_bfloat16"):
        config = keras.DTypePolicy(dtype)
        for layer in model.layers:
            layer.dtype_policy = config
        with pytest.raises(ValueError, match="in one direction"):
            sample(decisive(model), PROMPT, 2)


def test_ids_of_few_bits_do_not_wrap():
    table = np.zeros((300, 300))
    table[:, 290] = 1
    model = keras.Sequential([keras.Input((None,)), keras.layers.Embedding(300, 300)])
    model.set_weights([table])
    assert sample(model, np.array([5], "int8"), 2).tolist() == [5, 290, 290]


def several(count):
    return graph(_gru(), outputs=count)


def two_inputs():
    first, second = keras.Input((None,)), keras.Input((None,))
    return keras.Model([first, second], keras.layers.Embedding(7, 7)(first + second))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: several(2), "one with one output, of shape"),
        (two_inputs, "one of one input, ids"),
        (lambda: chain(keras.layers.Conv1D(4, 2)), "one with one output, of shape"),
        (lambda: chain(Restless()), "one that always gives the same outputs for the same ids"),
        (
            lambda: keras.Sequential(
                [keras.Input((None,)), keras.layers.Embedding(1, 1), keras.layers.Softmax()]
            ),
            "one of two tokens or more",
        ),
        (lambda: keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(7)]), "one input"),
    ],
)
def test_what_cannot_write_is_named(build, expected):
    with pytest.raises(ValueError, match=f"Argument `model` must be .*{expected}"):
        sample(build(), PROMPT, 2, seed=0)


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_a_model_takes_as_many_ids_as_it_says():
    model = decisive(WRITERS["fixed length"]())
    assert sample(model, PROMPT, 6).shape == (2, 9)
    with pytest.raises(ValueError, match=r"Argument `length` must be such that the model.* 8 ids"):
        sample(model, PROMPT, 7)
    with pytest.raises(ValueError, match=r"Argument `model` must be .*\(2, 10\)|probabilities"):
        sample(decisive(WRITERS["few places"]()), PROMPT, 8)


def test_a_vocabulary_of_one_token():
    model = keras.Sequential([keras.Input((None,)), keras.layers.Embedding(2, 2)])
    model.set_weights([np.array([[0.5, 0.5], [0.9, 0.1]])])
    assert sample(model, [1], 3).tolist() == [1, 1, 1, 1]
    model.set_weights([np.array([[0.5, 0.5], [1.0, 0.0]])])
    with pytest.raises(ValueError, match="another token than padding"):
        sample(model, [1], 3)


def test_an_end_that_only_padding_follows():
    table = np.eye(4)[[0, 2, 0, 1]]  # 3 → 1 → 2 → padding
    model = keras.Sequential([keras.Input((None,)), keras.layers.Embedding(4, 4)])
    model.set_weights([table])
    assert sample(model, [[3], [1]], 3, end_id=2).tolist() == [[3, 1, 2, 0], [1, 2, 0, 0]]
