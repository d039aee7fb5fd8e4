"""Rules cut words, numbers and marks; a vocabulary that is counted gives them ids."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_dlnotes.text import RuleTokenizer

# The pieces of each text, divided by "|".
CUTS = {
    "words": "It| is| raining|.",
    "capitals": "The| THE| the",
    "accents": "naïve| café|,| Ångström| Füße",
    "other scripts": "हिन्दी| भाषा| שלום| Ελλάδα",
    "what joins letters": "می\u200cخواهم| in\u00adter\u00adnal",
    "apostrophes within": "don't| it's| O’Brien| l’été| rock'n'roll",
    "apostrophes around": "'|tis| the| dogs|'| '|n|'",
    "hyphens": "well|-|known| word|-",
    "decimals": "3.14| 1,000| 1,000.50| 3,14| 10.0.0.1",
    "what ends a number": "It| was| 5|,| not| 3|.| .|5| 1|,,|2",
    "signs": "-|5| +|7| 3|-|5| 1|e|-|5| ±|2",
    "units": "$|5.00| €|3| 20|%| 5|°|C| 7|kg",
    "times and dates": "10|:|30| 2026|-|11|-|29| 29.11.2026",
    "letters and digits": "H|2|O| 3|rd| x|1|y",
    "digits of other scripts": "٣٤| १२",
    "powers and fractions": "m²| ½| 3|½",
    "names of programs": "snake|_|case|(|__|init|__|)",
    "marks": 'What|?|!| (|no|)| "|a|"|;',
    "runs of a mark": "wait|...| a| --| b| =====|!!!",
    "addresses": "https|:|//|a|.|org|/|b|?|c|=|1| me|@|a|.|org",
    "abbreviations": "U|.|S|.|A|.| e|.|g|.",
    "emoji": "👩‍👩‍👧‍👦|☂️| 👍🏽|🙂🙂",
    "flags and keys": "🇮🇳|🇩🇪| 1️⃣| 2",
    "flags of regions": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f|!",
    "Chinese and Japanese": "中|文| 漢|字|か|な|カ|ー|。",
    "Korean": "한국어| 단어",
    "blanks": "  | a|  | b|   ",
    "line breaks": "a|\n|b|\n\n|   | c| |\n|\r\n|d|\r\n\r\n|\r",
    "tabs": "a|\t\t|b|\t|\n",
    "a blank that does not break": "a|\u00a0|b",
    "control characters": "a|\0|b|\x1b|\x7f",
    "a mark that combines with nothing": "\u0301| a",
    "nothing": "",
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", CUTS)
def test_cuts(name, form):
    cut = unicodedata.normalize(form, CUTS[name])
    expected = [piece for piece in cut.split("|") if piece]
    assert RuleTokenizer().tokens("".join(expected)) == expected


@given(text=st.text())
@settings(max_examples=300, deadline=None)
def test_pieces_are_the_text(text):
    assert "".join(RuleTokenizer().tokens(text)) == text


LETTERS = "abcXYZéßøЖλ"


@given(words=st.lists(st.text(LETTERS, min_size=1) | st.from_regex(r"\d{1,9}", fullmatch=True)))
@settings(max_examples=100, deadline=None)
def test_a_word_or_number_behind_a_blank_is_a_token(words):
    for form in ("NFC", "NFD"):
        pieces = [unicodedata.normalize(form, f" {word}") for word in words]
        assert RuleTokenizer().tokens("".join(pieces)) == pieces


WORDS = ["the", " the", " naïve", " 3.14", "...", "\n\n", " नमस्ते", " 👍🏽"]


@given(
    text=st.text() | st.lists(st.sampled_from([*WORDS, "a", " new", "☂", "\0"])).map("".join),
    texts=st.lists(st.text(max_size=30) | st.sampled_from(WORDS), max_size=8),
    size=st.none() | st.integers(259, 270),
)
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_whatever_was_counted(text, texts, size):
    tokenizer = RuleTokenizer(vocabulary_size=size).adapt(texts)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert max(ids, default=0) < tokenizer.vocabulary_size
    counted = tokenizer.vocabulary[259:]
    known = [piece for piece in tokenizer.tokens(text) if piece in counted]
    assert [tokenizer.vocabulary[id_] for id_ in ids if id_ >= 259] == known


def test_without_adapt_every_token_is_written_by_bytes():
    tokenizer = RuleTokenizer()
    assert tokenizer.vocabulary_size == 259
    assert tokenizer.encode("aé") == [3 + 0x61, 3 + 0xC3, 3 + 0xA9]


def test_the_most_frequent_come_first_and_ties_in_their_order():
    tokenizer = RuleTokenizer().adapt(["on on off", " off on", " zz aa"])
    assert tokenizer.vocabulary[259:] == [" off", " on", " aa", " zz", "on"]


def test_a_token_of_one_byte_has_its_byte_alone():
    tokenizer = RuleTokenizer().adapt(["a a a. ."])
    assert tokenizer.vocabulary[259:] == [" a", " ."]


def test_the_size_is_what_was_asked_for():
    texts = ["one two two three three three"]
    for size in (259, 260, 261, 262, 5000, np.int64(270)):
        tokenizer = RuleTokenizer(vocabulary_size=size)
        assert tokenizer.vocabulary_size == size
        tokenizer.adapt(texts)
        assert tokenizer.vocabulary_size == len(tokenizer.vocabulary) == size
        assert (
            tokenizer.vocabulary[259:262]
            == [
                *[" three", " two", "one"][: size - 259],
                *[f"<unused{number}>" for number in range(size - 262)],
            ][:3]
        )
        assert tokenizer.decode(tokenizer.encode("one two")) == "one two"
    assert RuleTokenizer().adapt(texts).vocabulary_size == 262


def test_rare_tokens_are_left_out():
    texts = ["one two two three three three"]
    assert RuleTokenizer(minimum_count=2).adapt(texts).vocabulary[259:] == [" three", " two"]
    assert RuleTokenizer(minimum_count=4).adapt(texts).vocabulary_size == 259


def test_adapt_reads_an_iterator_once_and_forgets_what_it_knew():
    tokenizer = RuleTokenizer().adapt(["one"])
    assert tokenizer.adapt(text for text in ["two", "two"]) is tokenizer
    assert tokenizer.vocabulary[259:] == ["two"]
    assert tokenizer.encode("one") == [3 + byte for byte in b"one"]


def test_saved_vocabulary_keeps_its_ids_and_its_rules(tmp_path):
    tokenizer = RuleTokenizer(["<mask>"], vocabulary_size=300, minimum_count=2)
    tokenizer.adapt(["café au lait, café"] * 2).save(tmp_path / "words.json")
    again = RuleTokenizer.load(tmp_path / "words.json")
    assert again.get_config() == tokenizer.get_config()
    assert again.vocabulary == tokenizer.vocabulary
    assert again.adapt(["xy"]).vocabulary_size == 300


def test_a_file_of_the_rules_before_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "rules.json"
    config = {"special_tokens": ["<start>", "<end>"], "edition": 1}
    path.write_text(json.dumps({"tokenizer": "RuleTokenizer", "config": config}))
    with pytest.raises(ValueError, match=r"`path` must .* its ids now mean other tokens: make"):
        RuleTokenizer.load(path)


@pytest.mark.parametrize("size", [258, 0, -1, 300.0, True, "300", 2**40])
def test_bad_vocabulary_size(size):
    with pytest.raises(ValueError, match="Argument `vocabulary_size`"):
        RuleTokenizer(vocabulary_size=size)


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "2", None, 2**40])
def test_bad_minimum_count(count):
    with pytest.raises(ValueError, match="Argument `minimum_count`"):
        RuleTokenizer(minimum_count=count)


@pytest.mark.parametrize("texts", ["one", b"one", ["a", None], [b"a"], ["a\udfff"], 3, None, {"a"}])
def test_bad_texts(texts):
    tokenizer = RuleTokenizer().adapt(["one"])
    with pytest.raises(ValueError, match="Argument `texts`"):
        tokenizer.adapt(texts)
    assert tokenizer.vocabulary[259:] == ["one"]
