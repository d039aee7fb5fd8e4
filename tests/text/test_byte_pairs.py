"""The learning tokenizer: which pairs become tokens, and how many."""

import hashlib
import os
import subprocess
import sys
from pydoc_data.topics import topics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_dlnotes.text import BytePairTokenizer

CORPUS = ["the weather in the north is wetter than the weather in the south, they say " * 4] * 5


def test_learns_the_most_frequent_pairs_first():
    tokenizer = BytePairTokenizer(vocabulary_size=262).fit(["abab abab", "abc"])
    assert tokenizer.vocabulary[259:] == ["ab", "abab", "<unused0>"]
    assert tokenizer.tokens("ababc") == ["abab", "c"]


def test_vocabulary_has_the_size_that_was_asked_for():
    for size in (259, 260, 300, 5000):
        tokenizer = BytePairTokenizer(vocabulary_size=size).fit(CORPUS)
        assert tokenizer.vocabulary_size == len(tokenizer.vocabulary) == size
    assert tokenizer.decode([4999]) == ""
    assert BytePairTokenizer(vocabulary_size=np.int64(300)).get_config()["vocabulary_size"] == 300


def test_merges_stay_within_words():
    tokenizer = BytePairTokenizer(vocabulary_size=320).fit(CORPUS)
    assert not any(" " in piece[1:] for piece in tokenizer.vocabulary[259:])


def test_fit_reads_an_iterator_once_and_forgets_what_it_knew():
    tokenizer = BytePairTokenizer(vocabulary_size=270).fit(CORPUS)
    assert tokenizer.fit(iter(["zyzy"] * 3)) is tokenizer
    assert tokenizer.vocabulary[259:262] == ["zy", "zyzy", "<unused0>"]


@pytest.mark.thorough
def test_the_same_texts_give_the_same_vocabulary_in_every_process():
    program = (
        "import pydoc_data.topics as t; from keras_dlnotes.text import BytePairTokenizer as B;"
        "import hashlib; texts = list(t.topics.values())[:20];"
        "print(hashlib.sha256(repr(B(vocabulary_size=900).fit(texts).vocabulary).encode())"
        ".hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    texts = list(topics.values())[:20]
    vocabulary = BytePairTokenizer(vocabulary_size=900).fit(texts).vocabulary
    assert done.stdout.strip() == hashlib.sha256(repr(vocabulary).encode()).hexdigest()


@given(text=st.text())
@settings(max_examples=100, deadline=None)
def test_a_token_has_an_id(text):
    tokenizer = BytePairTokenizer(vocabulary_size=320).fit(CORPUS)
    vocabulary = tokenizer.vocabulary
    assert [vocabulary[id_] for id_ in tokenizer.encode(text)] == tokenizer.tokens(text)


def test_must_be_fitted_first():
    with pytest.raises(RuntimeError, match="must be fitted before it encodes"):
        BytePairTokenizer(vocabulary_size=300).encode("a")


def test_unfitted_survives_its_config():
    config = BytePairTokenizer(vocabulary_size=300).get_config()
    with pytest.raises(RuntimeError, match="must be fitted"):
        BytePairTokenizer.from_config(config).encode("a")


@pytest.mark.parametrize("size", [258, 0, -1, 300.0, True, "300", 2**40, None])
def test_bad_vocabulary_size(size):
    with pytest.raises(ValueError, match="Argument `vocabulary_size`"):
        BytePairTokenizer(vocabulary_size=size)


@pytest.mark.parametrize("texts", ["one", b"one", ["a", None], [b"a"], ["a\udfff"], 3, {"a"}])
def test_bad_texts(texts):
    with pytest.raises(ValueError, match="Argument `texts`"):
        BytePairTokenizer(vocabulary_size=300).fit(texts)
