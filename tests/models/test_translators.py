"""Decoding by models of every kind, against literal loops over whole calls."""

import itertools

import keras
import numpy as np
import pytest

from keras_dlnotes.models import decode
from tests.models.test_generation import END, START, all_targets
from tests.models.translators import AHEAD, TRANSLATORS
from tests.models.writers import VOCABULARY, decisive

GIVEN = [[3, 4, 5], [5, 3, 0]]


def array(tensor):
    return keras.ops.convert_to_numpy(tensor).astype("float64")


def ready(name):
    return decisive(TRANSLATORS[name](), [np.ones((1, 3), int)] * 2)


def scores(model, source, targets, from_logits):
    """Σ_t log P(y_t | …) of targets of one length, from one call of the whole model."""
    shifted = np.array([[START, *target[:-1]] for target in targets])
    logarithms = array(model([np.array([source] * len(targets)), shifted]))
    logarithms = logarithms if from_logits else np.log(logarithms)
    logarithms = logarithms - np.log(np.exp(logarithms).sum(axis=2, keepdims=True))
    chosen = np.take_along_axis(logarithms, np.array(targets)[..., np.newaxis], axis=2)
    return chosen.sum(axis=(1, 2))


def greedily(model, source, steps):
    target = [START]
    while len(target) <= steps and END not in target:
        outputs = array(model([np.array([source]), np.array([target])]))[0, -1]
        target.append(1 + int(outputs[1:].argmax()))
    return [token for token in target[1:] if token != END]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", TRANSLATORS)
def test_greedy_is_what_whole_calls_give(name):
    model = ready(name)
    assert decode(model, GIVEN, 3) == [greedily(model, source, 3) for source in GIVEN]


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", AHEAD)
def test_models_that_look_ahead_are_refused(name):
    with pytest.raises(ValueError, match="Argument `model` must be one that goes in one direction"):
        decode(AHEAD[name](), GIVEN)


def logits_of(model):
    """The same model, but for its softmax."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["config"].get("activation") == "softmax":
            layer["config"]["activation"] = "linear"
    other = keras.Model.from_config(config)
    other.set_weights(model.get_weights())
    return other


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["builder's", "attention"])
def test_logits(name):
    model = ready(name)
    logits = logits_of(model)
    for width in (1, 4):
        expected = decode(model, GIVEN, 3, beam_width=width)
        assert decode(logits, GIVEN, 3, beam_width=width, from_logits=True) == expected
    with pytest.raises(ValueError, match=r"Argument `model` must be .*from_logits=True"):
        decode(logits, GIVEN)
    with pytest.raises(ValueError, match="Argument `from_logits` must be False"):
        decode(model, GIVEN, from_logits=True)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("name", ["builder's", "attention"])
def test_wide_beam_finds_the_likeliest_of_all_targets(name, from_logits):
    model = ready(name)
    model = logits_of(model) if from_logits else model
    (found,) = decode(model, GIVEN[0], 3, beam_width=200, from_logits=from_logits)
    found = found if len(found) == 3 else [*found, END]
    groups = itertools.groupby(sorted(all_targets(VOCABULARY, 3), key=len), key=len)
    best = max(scores(model, GIVEN[0], list(group), from_logits).max() for _, group in groups)
    assert scores(model, GIVEN[0], [found], from_logits) == pytest.approx(best, abs=1e-5)
