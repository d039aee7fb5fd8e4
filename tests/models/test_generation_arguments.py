"""What sampling and decoding refuse by name, and the extremes that they take."""

import keras
import numpy as np
import pytest

from keras_dlnotes.models import decode, many_to_one, sample, tagger
from tests.models.test_generation import END, SOURCES, translator, writer


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("source", [[0.5]]),
        ("source", [-1]),
        ("source", []),
        ("source", [[3, 4], [5]]),
        ("source", [3.0, 4.0]),
        ("source", [6]),  # one more than the last of the vocabulary
        ("source", 2**40 + 3),
        ("source", [2**40 + 3]),
        ("source", [2**64 + 3]),
        ("source", None),
        ("max_length", 0),
        ("max_length", 2**40),
        ("max_length", True),
        ("beam_width", 0),
        ("beam_width", 2**40),
        ("length_penalty", -1),
        ("length_penalty", float("nan")),
        ("length_penalty", "1"),
        ("start_id", 0),
        ("start_id", 5),
        ("start_id", 2**40 + 1),
        ("end_id", 0),
        ("end_id", 5),
        ("end_id", "2"),
        ("end_id", None),
        ("batch_size", 0),
        ("batch_size", 1.0),
        ("from_logits", 1),
        ("from_logits", None),
        ("from_logits", True),
        ("model", many_to_one((None, 3), 2)),
        ("model", "translator"),
        ("model", None),
    ],
)
def test_decode_names_the_bad_argument(argument, value):
    arguments = {"model": translator(), "source": SOURCES, argument: value}
    with pytest.raises(ValueError, match=f"Argument `{argument}`"):
        decode(**arguments)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("prompt", [[3, 0]]),
        ("prompt", []),
        ("prompt", ["a"]),
        ("prompt", [[3, 4], [5]]),
        ("prompt", [6]),
        ("prompt", [2**32 + 3]),
        ("prompt", [True]),
        ("length", 0),
        ("length", 2**40),
        ("length", "2"),
        ("temperature", -0.5),
        ("temperature", None),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", True),
        ("end_id", "3"),
        ("end_id", 0),
        ("end_id", 6),
        ("end_id", 2.0),
        ("end_id", 2**40 + 3),
        ("seed", "0"),
        ("seed", -1),
        ("seed", 0.5),
        ("from_logits", "no"),
        ("from_logits", True),
        ("model", tagger(6, 6, units=2)),
        ("model", many_to_one((None, 3), 2)),
        ("model", "writer"),
        ("model", None),
    ],
)
def test_sample_names_the_bad_argument(argument, value):
    arguments = {"model": writer(), "prompt": [3], "length": 2, argument: value}
    with pytest.raises(ValueError, match=f"Argument `{argument}`"):
        sample(**arguments)


def chain_of(*layers):
    return keras.Sequential([keras.Input((None,), dtype="int32"), *layers])


def test_models_that_cannot_write_are_refused():
    embedding = keras.layers.Embedding(6, 3)
    backwards = chain_of(
        embedding,
        keras.layers.GRU(4, return_sequences=True, go_backwards=True),
        keras.layers.Dense(6, "softmax"),
    )
    larger = chain_of(keras.layers.Embedding(6, 3), keras.layers.Dense(7, "softmax"))
    logits = chain_of(keras.layers.Embedding(6, 3), keras.layers.Dense(6))
    for model, reason in [
        (backwards, "one direction"),
        (larger, "embedding knows all of its 7 tokens"),
        (logits, "probabilities"),
    ]:
        with pytest.raises(ValueError, match=f"Argument `model` must be .*{reason}"):
            sample(model, [3], 2, seed=0)
    weights = translator().get_weights()
    broken = translator()
    broken.set_weights([np.full_like(weight, np.nan) for weight in weights])
    with pytest.raises(ValueError, match=r"Argument `model` must be .*probabilities"):
        decode(broken, SOURCES, max_length=3)


@pytest.mark.parametrize("temperature", [1e-320, 1e-3, 1e300])
def test_extreme_temperatures_never_draw_padding(temperature):
    model = writer()
    drawn = sample(model, [[3]] * 20, 5, temperature, seed=0)
    assert drawn[:, 1:].min() >= 1
    if temperature < 1e-6:
        np.testing.assert_array_equal(drawn, sample(model, [[3]] * 20, 5, temperature=0))


def test_wide_beams_large_batches_and_strong_penalties_are_fine():
    model = translator()
    expected = decode(model, SOURCES, max_length=2, beam_width=20)
    assert decode(model, SOURCES, max_length=2, beam_width=300, batch_size=2**40) == expected
    strong, infinite = (
        decode(model, SOURCES, max_length=4, beam_width=20, length_penalty=penalty)
        for penalty in (100.0, 1e308)
    )
    assert [len(target) for target in strong] == [len(target) for target in infinite]


def test_long_search_ends_where_all_targets_have():
    model = translator()
    bias = np.zeros(5)
    bias[END] = 50.0
    model.get_layer("probabilities").set_weights([np.zeros((4, 5)), bias])
    assert decode(model, SOURCES, max_length=2**16) == [[], [], []]
