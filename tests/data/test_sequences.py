"""Data sets of sequences and of text: order, padding, and nothing that is in two splits."""

import hashlib
from pydoc_data.topics import topics

import numpy as np
import pytest

from keras_dlnotes import data

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def vowels(data_dir):
    return data.load("japanese_vowels", data_dir=data_dir)


def test_vowels_have_the_standard_test_split(vowels):
    counts = {split: np.bincount(vowels[split]["label"]).tolist() for split in SPLITS}
    assert counts["train"] == [25] * 9
    assert counts["validation"] == [5] * 9
    assert counts["test"] == [31, 35, 88, 44, 29, 24, 40, 50, 29]


def test_vowels_are_padded_at_their_end(vowels):
    for columns in vowels.values():
        frames = columns["sequence"].any(axis=-1)
        lengths = frames.sum(axis=1)
        assert (lengths.min() >= 7, frames.shape[1]) == (True, lengths.max())
        np.testing.assert_array_equal(frames, np.arange(frames.shape[1]) < lengths[:, np.newaxis])


def test_no_vowel_is_there_twice(vowels):
    utterances = [
        sequence[sequence.any(axis=-1)].tobytes()
        for columns in vowels.values()
        for sequence in columns["sequence"]
    ]
    assert len(set(utterances)) == len(utterances) == 640


def test_first_vowel_of_the_source_is_there(vowels):
    first_frame = np.array([1.860936, -0.207383], "float32")
    starts = np.concatenate([vowels[split]["sequence"][:, 0, :2] for split in SPLITS])
    assert np.all(starts == first_frame, axis=1).sum() == 1


@pytest.mark.parametrize(("name", "first"), [("sunspots", 1700), ("sunspots_monthly", 1749)])
def test_sunspots_come_in_the_order_of_time(name, first, data_dir):
    splits = data.load(name, data_dir=data_dir)
    years = np.concatenate([splits[split]["year"] for split in SPLITS])
    if name == "sunspots":
        np.testing.assert_array_equal(years, np.arange(first, 2009))
    else:
        months = np.concatenate([splits[split]["month"] for split in SPLITS])
        np.testing.assert_array_equal(12 * years + months - 1, np.arange(12 * first, 12 * 2009))
    assert [splits[split]["year"][-1] for split in SPLITS] == [1929, 1959, 2008]


def test_months_of_a_year_have_the_mean_of_the_year(data_dir):
    yearly, monthly = (
        data.load(name, "train", data_dir)["sunspots"] for name in ("sunspots", "sunspots_monthly")
    )
    # both are rounded
    np.testing.assert_allclose(monthly.reshape(-1, 12).mean(axis=1), yearly[49:], atol=0.25)


@pytest.fixture(scope="module")
def pronunciation(data_dir):
    return data.load("pronunciation", data_dir=data_dir)


@pytest.mark.thorough
def test_no_word_is_there_twice(pronunciation):
    words = np.concatenate([pronunciation[split]["word"] for split in SPLITS])
    assert len(set(words)) == len(words) == 30_000


@pytest.mark.thorough
def test_words_are_letters_and_phonemes_are_arpabet(pronunciation):
    words = b"".join(pronunciation["train"]["word"])
    phonemes = {
        phoneme for line in pronunciation["train"]["phonemes"] for phoneme in line.decode().split()
    }
    assert set(words.decode()) == set("abcdefghijklmnopqrstuvwxyz")
    assert len({phoneme.rstrip("012") for phoneme in phonemes}) == 39
    row = pronunciation["train"]["word"].tolist().index(b"duracell")
    assert pronunciation["train"]["phonemes"][row] == b"D UH1 R AH0 S EH2 L"


def test_documentation_is_that_of_this_python(data_dir):
    splits = data.load("python_documentation", data_dir=data_dir)
    for columns in splits.values():
        for title, text in zip(columns["title"], columns["text"], strict=True):
            page = topics[title.decode()]
            assert all(paragraph in page for paragraph in text.decode().split("\n\n"))
    characters = {split: sum(map(len, splits[split]["text"])) for split in SPLITS}
    assert characters["train"] > 300_000
    assert min(characters.values()) > 10_000


def test_no_paragraph_of_the_documentation_is_on_two_pages(data_dir):
    splits = data.load("python_documentation", data_dir=data_dir)
    places = {}
    for columns in splits.values():
        for title, text in zip(columns["title"], columns["text"], strict=True):
            for paragraph in text.decode().split("\n\n"):
                words = " ".join(paragraph.split())
                if len(words) >= 40:
                    places.setdefault(words, set()).add(title)
    assert all(len(titles) == 1 for titles in places.values())
    # and only what is there twice has been left out
    everything = {" ".join(part.split()) for page in topics.values() for part in page.split("\n\n")}
    assert {words for words in everything if len(words) >= 40} == set(places)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("name", "feature", "expected"),
    [
        ("nuclei", "mask", "c8de500fb6517986"),
        ("japanese_vowels", "sequence", "5367049856ae0b9a"),
        ("sunspots", "sunspots", "d56d69da03729998"),
        ("sunspots_monthly", "sunspots", "c69d19acd560f289"),
        ("pronunciation", "word", "10dfb274c314c6dd"),
    ],
)
def test_splits_are_the_same_on_every_machine(name, feature, expected, data_dir):
    values = data.load(name, "test", data_dir)[feature]
    content = b"\n".join(values) if values.dtype == object else values.tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == expected
