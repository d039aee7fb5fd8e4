"""The parts of tasks on letters: what is misread, what is restored, how far words are off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_dlnotes.tasks import UnsuitableDataError, ocr, pronounce


@pytest.fixture(scope="module")
def scans():
    return ocr.prepare("python_documentation")


@pytest.fixture(scope="module")
def words():
    return pronounce.prepare("pronunciation")


def test_letters_alone_are_misread_and_not_too_many(scans):
    for seen, true in (scans.training, scans.validation, scans.test):
        wrong = seen != true
        assert seen.shape == true.shape and seen.shape[1] == ocr.LINE
        assert np.isin(true[wrong], ocr.LETTERS).all()
        assert 0.08 < wrong.mean() < 0.15


def test_the_training_lines_are_misread_in_several_ways(scans):
    seen, true = scans.training
    count = len(true) // ocr.COPIES
    np.testing.assert_array_equal(true[:count], true[count : 2 * count])
    assert np.mean(seen[:count] != seen[count : 2 * count]) > 0.15


def test_no_line_is_in_two_splits(scans):
    known = {line.tobytes() for line in scans.training[1]}
    assert not any(
        line.tobytes() in known for _, true in (scans.validation, scans.test) for line in true
    )


def test_rules_are_scored_on_what_was_misread(scans):
    told, untold, scan = ocr.unigram_rules(scans)
    assert scan.scores["test_restored"] == 0
    assert told.scores["test_restored"] > untold.scores["test_restored"]
    assert untold.scores["test_accuracy"] >= scan.scores["test_accuracy"]


@pytest.mark.thorough
def test_source_is_reversed_and_target_is_shifted(words):
    (source, shifted), target = words.test
    first = words.context["words"][0]
    assert bytes(source[0][source[0] > 0].tolist()).decode() == first[::-1]
    assert (shifted[:, 0] == pronounce.START).all()
    np.testing.assert_array_equal(
        np.where(target[:, :-1] == pronounce.END, 0, target[:, :-1]), shifted[:, 1:]
    )
    assert len(words.context["phonemes"]) == 39


@pytest.mark.thorough
def test_the_letter_rule_gets_some_phonemes_right(words):
    error = pronounce.letter_rule(words).scores["test_phoneme_error_rate"]
    assert 0.3 < error < 0.9


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_edit_distance_is_that_of_the_definition(found, true):
    def slow(one, other):
        if not one or not other:
            return len(one) + len(other)
        if one[0] == other[0]:
            return slow(one[1:], other[1:])
        return 1 + min(slow(one[1:], other), slow(one, other[1:]), slow(one[1:], other[1:]))

    assert pronounce.edit_distance(found, true) == slow(found, true)


@pytest.mark.parametrize("prepare", [ocr.prepare, pronounce.prepare])
def test_data_of_another_kind_is_an_error(prepare):
    with pytest.raises(UnsuitableDataError, match="isn't one of"):
        prepare("digits")
