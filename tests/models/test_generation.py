"""Sampling and decoding, against literal loops over the whole model and exhaustive search."""

import itertools
import warnings

import keras
import numpy as np
import pytest

from keras_dlnotes.models import (
    decode,
    language_model,
    sample,
    sequence_to_sequence,
)
from keras_dlnotes.text import sequence_log_probability

CELLS = ("simple", "lstm", "gru")
START, END = 1, 2


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def decisive(model, seed=0):
    """Weights large enough that the model is sure of something, and not always of the same."""
    generator = np.random.default_rng(seed)
    scales = [0 if weight.name == "bias" else 1.5 for weight in model.weights]
    model.set_weights(
        [
            generator.normal(0, scale, weight.shape)
            for scale, weight in zip(scales, model.weights, strict=True)
        ]
    )
    return model


def translator(cell="gru", target_vocabulary=5, seed=0):
    return decisive(sequence_to_sequence(6, target_vocabulary, 4, embedding_dim=3, cell=cell), seed)


def log_probability(model, source, target):
    """Σ_t log P(y_t | …) of a target without its start, from one call of the whole model."""
    shifted = np.array([[START, *target[:-1]]])
    probabilities = array(model([np.array([source]), shifted]))[0]
    return sum(np.log(probabilities[step, token]) for step, token in enumerate(target))


def all_targets(vocabulary_size, max_length):
    """Every target: tokens that are neither padding nor the end, then the end, or cut off."""
    tokens = [token for token in range(1, vocabulary_size) if token != END]
    for length in range(max_length):
        for target in itertools.product(tokens, repeat=length):
            yield (*target, END)
    yield from itertools.product(tokens, repeat=max_length)


SOURCES = [[3, 4, 5], [5, 3, 0], [2, 0, 0]]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("cell", CELLS)
def test_greedy_takes_the_likeliest_token_at_each_step(cell):
    model = translator(cell)
    expected = []
    for source in SOURCES:
        target = [START]
        while len(target) < 7 and (len(target) == 1 or target[-1] != END):
            probabilities = array(model([np.array([source]), np.array([target])]))[0, -1]
            target.append(1 + int(np.argmax(probabilities[1:])))
        expected.append([token for token in target[1:] if token != END])
    assert decode(model, SOURCES, max_length=6) == expected


@pytest.mark.sampled(4)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_wide_beam_finds_what_exhaustive_search_finds(cell, seed):
    model = translator(cell, target_vocabulary=5, seed=seed)
    targets = list(all_targets(5, 4))
    for source in SOURCES:
        # all targets of a length at once, each step's probability out of the whole model
        best = max(
            (
                max(zip(_scores(model, source, group), group, strict=True))
                for _, group in _by_length(targets)
            ),
        )
        found = decode(model, [source], max_length=4, beam_width=4**4)
        assert found == [[token for token in best[1] if token != END]]


def _by_length(targets):
    for length, group in itertools.groupby(sorted(targets, key=len), key=len):
        yield length, list(group)


def _scores(model, source, targets):
    shifted = np.array([[START, *target[:-1]] for target in targets])
    probabilities = array(model([np.array([source] * len(targets)), shifted]))
    chosen = np.take_along_axis(probabilities, np.array(targets)[..., np.newaxis], axis=-1)
    return np.log(chosen).sum(axis=(1, 2))


def test_beam_finds_what_is_likelier_than_greedy():
    model = translator(target_vocabulary=9, seed=2)
    scores = {}
    for width in (1, 5):
        scores[width] = []
        for source, target in zip(
            SOURCES, decode(model, SOURCES, max_length=6, beam_width=width), strict=True
        ):
            ended = target if len(target) == 6 else [*target, END]
            scores[width].append(log_probability(model, source, ended))
    assert np.all(np.array(scores[5]) > np.array(scores[1]) + 1)


def test_length_penalty_prefers_longer_targets():
    model = translator(target_vocabulary=9, seed=3)
    lengths = [
        sum(map(len, decode(model, SOURCES, 8, beam_width=20, length_penalty=penalty)))
        for penalty in (0.0, 3.0)
    ]
    assert lengths[0] < lengths[1]


def test_batches_and_padding_do_not_matter():
    model = translator()
    whole = decode(model, SOURCES, max_length=6, beam_width=3)
    assert decode(model, SOURCES, max_length=6, beam_width=3, batch_size=1) == whole
    assert decode(model, [5, 3], max_length=6, beam_width=3) == whole[1:2]


def test_other_ids_for_start_and_end():
    model = translator(target_vocabulary=9)
    ended = decode(model, SOURCES, max_length=6, start_id=7, end_id=8)
    assert all(8 not in target for target in ended)
    assert ended != decode(model, SOURCES, max_length=6)


def writer(cell="gru", **arguments):
    return decisive(language_model(6, units=5, embedding_dim=4, cell=cell, **arguments))


@pytest.mark.parametrize("cell", CELLS)
def test_temperature_zero_takes_the_likeliest_token(cell):
    model = writer(cell)
    ids = [[3, 4], [5, 5], [1, 3]]
    expected = np.array(ids)
    for _ in range(5):
        following = array(model(expected))[:, -1, 1:].argmax(axis=-1) + 1
        expected = np.concatenate([expected, following[:, np.newaxis]], axis=1)
    np.testing.assert_array_equal(sample(model, ids, 5, temperature=0), expected)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_as_frequent_as_the_temperature_says(temperature):
    model = writer()
    drawn = sample(model, [[3, 4]] * 20_000, 1, temperature, seed=0)[:, -1]
    weights = array(model(np.array([[3, 4]])))[0, -1].astype("float64") ** (1 / temperature)
    weights[0] = 0
    expected = weights / weights.sum()
    frequencies = np.bincount(drawn, minlength=6) / len(drawn)
    np.testing.assert_allclose(frequencies, expected, atol=0.015)


def test_later_tokens_depend_on_what_was_drawn():
    """P(x_2, x_3 | x_1) = P(x_2 | x_1) P(x_3 | x_2, x_1)."""
    model = writer()
    drawn = sample(model, [[3]] * 20_000, 2, seed=1)
    first = array(model(np.array([[3]])))[0, -1]
    for token in range(1, 6):
        second = array(model(np.array([[3, token]])))[0, -1]
        expected = first[token] / first[1:].sum() * second / second[1:].sum()
        for following in range(1, 6):
            frequency = np.mean((drawn[:, 1] == token) & (drawn[:, 2] == following))
            assert frequency == pytest.approx(expected[following], abs=0.015)


def test_seed_fixes_what_is_drawn():
    model = writer()
    first, again, other = (sample(model, [3], 30, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (31,)


def test_nothing_follows_the_end_but_padding():
    drawn = sample(writer(), [[3]] * 50, 20, temperature=2.0, end_id=END, seed=0)
    for row in drawn:
        (ends,) = np.nonzero(row == END)
        if len(ends):
            assert not row[ends[0] + 1 :].any()
    assert np.any(drawn == END)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("stateful", [False, True])
def test_models_of_the_builders_raise_no_warning(cell, stateful):
    models = writer(cell, stateful=stateful), translator(cell)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        sample(models[0], [3, 4], 2, seed=0)
        sequence_log_probability(models[0], [[3, 4, 0]])
        for width in (1, 3):
            decode(models[1], SOURCES, max_length=3, beam_width=width)


def test_nothing_is_dropped_in_sampling():
    plain, dropping = writer(), writer(dropout=0.5)
    dropping.set_weights(plain.get_weights())
    received = sample(dropping, [3, 4], 8, seed=0)
    np.testing.assert_array_equal(received, sample(plain, [3, 4], 8, seed=0))


def test_stateful_model_samples_alike_and_keeps_its_state():
    plain, stateful = writer(), writer(stateful=True)
    stateful.set_weights(plain.get_weights())
    stateful(np.array([[4, 5]]))
    (before,) = (array(state) for state in stateful.get_layer("recurrent1").states)
    received = sample(stateful, [3, 4], 8, seed=0)
    np.testing.assert_array_equal(received, sample(plain, [3, 4], 8, seed=0))
    (after,) = (array(state) for state in stateful.get_layer("recurrent1").states)
    np.testing.assert_array_equal(before, after)
