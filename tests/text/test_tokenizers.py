"""What holds for both tokenizers: nothing is lost, ids keep their meaning, files are whole."""

import hashlib
import json
import os
import subprocess
import sys
from pydoc_data.topics import topics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_dlnotes.text import BytePairTokenizer, RuleTokenizer

CORPUS = ["the weather in the north is wetter than the weather in the south, they say " * 4] * 5
TOKENIZERS = {
    "rules": RuleTokenizer(),
    "byte pairs": BytePairTokenizer(vocabulary_size=320).fit(CORPUS),
    "no merges": BytePairTokenizer(vocabulary_size=259).fit([]),
}
TEXTS = [
    "",
    " ",
    "\0",
    "a\0b\x1b\x7f\x80",
    "\r\n\r\r\n\n",
    "  leading and trailing  ",
    "\ttabs\t\t",
    "e\u0301 is not \u00e9, nor a\u0308\u0323",
    "👩‍👩‍👧‍👦 🇮🇳 ☂️ \U0010ffff",
    "\u202eright to left\u202c שלום",
    "\ufeff\u2028\u2029\ufffe\uffff",
    "<pad><start><end><unused0><0xE2>",
    "हिन्दी 中文 한국어",
    "1234567890 3.14159 ٣",
    "x" * 5000 + " " * 5000,
    "THE The tHe",
    "__init__ --> ....",
]


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request):
    return TOKENIZERS[request.param]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
def test_texts_come_back_exactly(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_exactly(name, text):
    tokenizer = TOKENIZERS[name]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(type(id_) is int and 3 <= id_ < tokenizer.vocabulary_size for id_ in ids)
    assert len(tokenizer.tokens(text)) == len(ids)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=st.text(st.characters(max_codepoint=127)))
@settings(max_examples=100, deadline=None)
def test_tokens_are_the_pieces_of_the_text(name, text):
    assert "".join(TOKENIZERS[name].tokens(text)) == text


@pytest.mark.parametrize("name", TOKENIZERS)
@given(ids=st.lists(st.integers(0, 258)))
@settings(max_examples=100, deadline=None)
def test_any_ids_make_a_text(name, ids):
    TOKENIZERS[name].decode(ids).encode()


def test_ids_index_the_vocabulary(tokenizer):
    vocabulary = tokenizer.vocabulary
    assert len(vocabulary) == tokenizer.vocabulary_size == len(set(vocabulary))
    text = "The weather, naïve ☂"
    assert [vocabulary[id_] for id_ in tokenizer.encode(text)] == tokenizer.tokens(text)
    assert vocabulary[:3] == ["<pad>", "<start>", "<end>"]
    assert tokenizer.special_tokens == {"<pad>": 0, "<start>": 1, "<end>": 2}


def test_special_tokens_are_never_text_and_never_shown(tokenizer):
    assert not {0, 1, 2} & set(tokenizer.encode("<pad> <start> <end>"))
    assert tokenizer.decode([1, *tokenizer.encode("a b"), 2, 0, 0]) == "a b"


def test_parts_of_characters_are_shown_as_bytes(tokenizer):
    assert tokenizer.tokens("☂") == ["<0xE2>", "<0x98>", "<0x82>"]
    assert tokenizer.decode(tokenizer.encode("☂")[:2]) == "�"


def test_decode_takes_arrays(tokenizer):
    ids = np.array(tokenizer.encode("in the north"), "int32")
    assert tokenizer.decode(ids) == "in the north"


@pytest.mark.parametrize("ids", [[-1], [10**6], [1.5], ["a"], [None], np.zeros((2, 2), int)])
def test_decode_names_bad_ids(tokenizer, ids):
    with pytest.raises(ValueError, match=r"Argument `ids` must be integers from 0 to \d+"):
        tokenizer.decode(ids)


@pytest.mark.parametrize("text", [b"bytes", None, 3, ["a"]])
def test_encode_takes_text_only(tokenizer, text):
    with pytest.raises(ValueError, match="Argument `text` must be a string"):
        tokenizer.encode(text)


def test_lone_surrogates_are_no_text(tokenizer):
    with pytest.raises(ValueError, match=r"`text` must be free of lone surrogates; U\+D83D at pos"):
        tokenizer.encode("ab\ud83d")


def test_saved_tokenizer_is_the_same(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    again = type(tokenizer).load(str(path))
    assert again.vocabulary == tokenizer.vocabulary
    assert [again.encode(text) for text in TEXTS] == [tokenizer.encode(text) for text in TEXTS]
    assert os.listdir(tmp_path) == ["tokenizer.json"]


def test_interrupted_save_leaves_the_file_that_was_there(tokenizer, tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    path.write_text("before")

    def die(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(OSError, match="No space"):
        tokenizer.save(path)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["tokenizer.json"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"tokenizer": 3}'])
def test_load_refuses_what_is_no_tokenizer(tokenizer, content, tmp_path):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="`path` must be a file that a tokenizer's `save` wrote"):
        type(tokenizer).load(path)


def test_load_refuses_the_other_kind(tmp_path):
    path = tmp_path / "tokenizer.json"
    RuleTokenizer().save(path)
    with pytest.raises(ValueError, match=r"a file of BytePairTokenizer.* one of RuleTokenizer"):
        BytePairTokenizer.load(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rules", {"edition": 0}),
        ("byte pairs", {"merges": [["☂", "q"]]}),
        ("rules", {"more": 1}),
        ("byte pairs", {"vocabulary_size": 260}),
    ],
)
def test_load_refuses_damaged_contents(name, change, tmp_path):
    path = tmp_path / "tokenizer.json"
    TOKENIZERS[name].save(path)
    saved = json.loads(path.read_text())
    saved["config"].update(change)
    path.write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="`path` must be a whole file of"):
        type(TOKENIZERS[name]).load(path)


def test_load_of_no_file():
    with pytest.raises(FileNotFoundError):
        RuleTokenizer.load("no_such_file")


@pytest.mark.parametrize("kind", [RuleTokenizer, BytePairTokenizer])
def test_special_tokens_of_your_own(kind):
    tokenizer = kind(special_tokens=["<mask>"])
    assert tokenizer.special_tokens == {"<pad>": 0, "<mask>": 1}
    assert tokenizer.vocabulary[2:4] == ["\0", "\x01"]


@pytest.mark.parametrize("kind", [RuleTokenizer, BytePairTokenizer])
@pytest.mark.parametrize("names", ["<mask>", ["a", "a"], ["<pad>"], [""], [3], None])
def test_bad_special_tokens(kind, names):
    with pytest.raises(ValueError, match="Argument `special_tokens`"):
        kind(special_tokens=names)


class TestRules:
    def test_words_pairs_of_digits_and_runs(self):
        text = "The THE the walking  1234 ---- x"
        pieces = ["The", " THE", " the", " w", "al", "ki", "ng", "  ", "12", "34", " ", "----"]
        assert RuleTokenizer().tokens(text) == [*pieces, " x"]

    def test_word_of_the_list_is_cut_where_it_is_only_a_part(self):
        assert RuleTokenizer().tokens("than thank") == ["than", " t", "ha", "nk"]

    def test_vocabulary_is_the_same_for_ever(self):
        # ids of saved models depend on it: count up `EDITION` where this must change
        assert RuleTokenizer().vocabulary_size == 2306
        assert RuleTokenizer().encode("The end?") == [1554, 831, 66]


class TestBytePairs:
    def test_learns_the_most_frequent_pairs_first(self):
        tokenizer = BytePairTokenizer(vocabulary_size=262).fit(["abab abab", "abc"])
        assert tokenizer.vocabulary[259:] == ["ab", "abab", "<unused0>"]
        assert tokenizer.tokens("ababc") == ["abab", "c"]

    def test_vocabulary_has_the_size_that_was_asked_for(self):
        for size in (259, 260, 300, 5000):
            tokenizer = BytePairTokenizer(vocabulary_size=size).fit(CORPUS)
            assert tokenizer.vocabulary_size == len(tokenizer.vocabulary) == size
        assert tokenizer.decode([4999]) == ""
        assert (
            BytePairTokenizer(vocabulary_size=np.int64(300)).get_config()["vocabulary_size"] == 300
        )

    def test_merges_stay_within_words(self):
        assert not any(" " in piece[1:] for piece in TOKENIZERS["byte pairs"].vocabulary[259:])

    def test_fit_reads_an_iterator_once_and_forgets_what_it_knew(self):
        tokenizer = BytePairTokenizer(vocabulary_size=270).fit(CORPUS)
        assert tokenizer.fit(iter(["zyzy"] * 3)) is tokenizer
        assert tokenizer.vocabulary[259:262] == ["zy", "zyzy", "<unused0>"]

    def test_the_same_texts_give_the_same_vocabulary_in_every_process(self):
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

    def test_must_be_fitted_first(self):
        with pytest.raises(RuntimeError, match="must be fitted before it encodes"):
            BytePairTokenizer(vocabulary_size=300).encode("a")

    def test_unfitted_survives_its_config(self):
        config = BytePairTokenizer(vocabulary_size=300).get_config()
        with pytest.raises(RuntimeError, match="must be fitted"):
            BytePairTokenizer.from_config(config).encode("a")

    @pytest.mark.parametrize("size", [258, 0, -1, 300.0, True, "300"])
    def test_bad_vocabulary_size(self, size):
        with pytest.raises(ValueError, match="Argument `vocabulary_size`"):
            BytePairTokenizer(vocabulary_size=size)

    @pytest.mark.parametrize("texts", ["one text", ["a", None], [b"a"], ["a\udfff"]])
    def test_bad_texts(self, texts):
        with pytest.raises(ValueError, match="Argument `texts`"):
            BytePairTokenizer(vocabulary_size=300).fit(texts)
