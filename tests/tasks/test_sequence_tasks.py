"""The parts of tasks on sequences: what is a target, what is scored, what the rules say."""

import numpy as np
import pytest

from keras_dlnotes import data
from keras_dlnotes.tasks import UnsuitableDataError, spell, sunspots, vowels


@pytest.fixture(scope="module")
def years():
    return sunspots.prepare("sunspots")


def test_no_later_sunspot_is_seen_in_training(years):
    inputs, targets = years.training
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    assert inputs.shape[1] == 44
    train = data.load("sunspots")["train"]["sunspots"]
    assert inputs[0, 0, 0] == train[0] and targets[-1, -1, 0] == train[-1]


@pytest.mark.parametrize(("split", "name"), [("validation", "validation"), ("test", "test")])
def test_each_later_sunspot_is_scored_once(years, split, name):
    inputs, targets, weights = getattr(years, split)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    np.testing.assert_array_equal(
        targets[weights > 0][:, 0], data.load("sunspots")[name]["sunspots"]
    )
    assert (weights[0] == 0).sum() == 66


def test_the_rules_are_those_of_the_series_itself(years):
    loaded = data.load("sunspots")
    series = np.concatenate([loaded[split]["sunspots"] for split in loaded])
    count = len(loaded["test"]["sunspots"])
    expected = {
        lag: np.mean(np.abs(series[-count:] - series[-count - lag : -lag])) for lag in (1, 11)
    }
    scores = {rule.name.split(":")[0]: rule.scores["test_mae"] for rule in sunspots.rules(years)}
    assert scores["persistence"] == pytest.approx(expected[1], rel=1e-6)
    assert scores["seasonal rule"] == pytest.approx(expected[11], rel=1e-6)


def test_months_have_a_cycle_of_eleven_years_too():
    splits = sunspots.prepare("sunspots_monthly")
    assert splits.context["cycle"] == 132
    assert splits.context["years"][:2] == pytest.approx([1960, 1960 + 1 / 12])


def test_utterances_are_padded_to_one_length_and_nothing_else():
    splits = vowels.prepare("japanese_vowels")
    shapes = {arrays[0].shape[1:] for arrays in (splits.training, splits.validation, splits.test)}
    assert shapes == {(29, 12)}
    counts = [len(arrays[1]) for arrays in (splits.training, splits.validation, splits.test)]
    assert counts == [225, 45, 370]
    assert len(splits.class_names) == 9
    assert vowels.mean_frame(splits).scores["test_accuracy"] > 0.9


def test_names_are_spelt_and_read_back():
    splits = spell.prepare("digits")
    images, names = splits.test
    labels = splits.context["labelled"].test[1]
    assert spell.words(names) == [spell.NAMES[label] for label in labels]
    assert len(images) == len(names)


@pytest.mark.parametrize(
    ("prepare", "name", "match"),
    [
        (sunspots.prepare, "digits", "isn't a series of sunspots"),
        (vowels.prepare, "digits", "isn't one of sequences"),
        (spell.prepare, "nuclei", "isn't one of equally large images"),
    ],
)
def test_data_of_another_kind_is_an_error(prepare, name, match):
    with pytest.raises(UnsuitableDataError, match=match):
        prepare(name)
