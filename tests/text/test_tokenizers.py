"""What holds for both tokenizers: nothing is lost, ids keep their meaning, files are whole."""

import json
import os

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_dlnotes.text import BytePairTokenizer, RuleTokenizer

CORPUS = ["the weather in the north is wetter than the weather in the south, they say " * 4] * 5
TOKENIZERS = {
    "rules": RuleTokenizer(),
    "counted words": RuleTokenizer(vocabulary_size=280).adapt(CORPUS),
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
    text = "The weather, in the north"
    assert "".join(vocabulary[id_] for id_ in tokenizer.encode(text)) == text
    assert vocabulary[:3] == ["<pad>", "<start>", "<end>"]
    assert tokenizer.special_tokens == {"<pad>": 0, "<start>": 1, "<end>": 2}


def test_special_tokens_are_never_text_and_never_shown(tokenizer):
    assert not {0, 1, 2} & set(tokenizer.encode("<pad> <start> <end>"))
    assert tokenizer.decode([1, *tokenizer.encode("a b"), 2, 0, 0]) == "a b"


def test_parts_of_characters_are_shown_as_bytes(tokenizer):
    ids = tokenizer.encode("☂")
    assert [tokenizer.vocabulary[id_] for id_ in ids] == ["<0xE2>", "<0x98>", "<0x82>"]
    assert tokenizer.decode(tokenizer.encode("☂")[:2]) == "�"


def test_decode_takes_arrays(tokenizer):
    ids = np.array(tokenizer.encode("in the north"), "int32")
    assert tokenizer.decode(ids) == "in the north"


NO_IDS = [
    *([-1], [10**6], [2**40 + 1], [-(2**63)], [1.5], [float("nan")], [1.0], ["a"], [None]),
    *([True], [b"a"], [[1]], "ab", b"ab", bytearray(b"ab"), 5, None, {1: 2}, {1, 2}),
    *(np.zeros((2, 2), int), np.array([1.0]), np.array([True]), np.array(5)),
]


@pytest.mark.parametrize("ids", NO_IDS, ids=repr)
def test_decode_names_bad_ids(tokenizer, ids):
    with pytest.raises(ValueError, match=r"Argument `ids` must be integers from 0 to \d+"):
        tokenizer.decode(ids)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int64", "uint64"])
def test_decode_takes_every_type_of_integer(tokenizer, dtype):
    ids = np.array(tokenizer.encode("\n"), dtype)
    assert tokenizer.decode(ids) == "\n"
    assert tokenizer.decode(keras.ops.convert_to_tensor(ids.astype("int32"))) == "\n"


@pytest.mark.parametrize("name", ["encode", "tokens"])
@pytest.mark.parametrize("text", [b"bytes", None, 3, ["a"], np.array("a"), np.array(["a"])])
def test_text_alone_is_cut(tokenizer, name, text):
    with pytest.raises(ValueError, match="Argument `text` must be a string"):
        getattr(tokenizer, name)(text)


@pytest.mark.parametrize("name", ["encode", "tokens"])
def test_lone_surrogates_are_no_text(tokenizer, name):
    with pytest.raises(ValueError, match=r"`text` must be free of lone surrogates; U\+D83D at pos"):
        getattr(tokenizer, name)("ab\ud83d")


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


@pytest.mark.parametrize("path", [3, None, b"name", "no\0name", "", ".", ["name"]])
@pytest.mark.parametrize("name", ["save", "load"])
def test_a_path_of_no_file_is_named(tokenizer, name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="Argument `path` must be the path of a file"):
        getattr(tokenizer, name)(path)
    assert os.listdir(tmp_path) == []


NO_TOKENIZERS = [b"", b"{}", b"[1]", b"\xff\xfe", b'{"tokenizer": 3}', b"exact text", b"[" * 10**5]


@pytest.mark.parametrize("content", NO_TOKENIZERS, ids=lambda content: repr(content[:9]))
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
        ("counted words", {"words": "the"}),
        ("counted words", {"words": ["the", "the"]}),
        ("counted words", {"words": ["the", 3]}),
        ("counted words", {"words": [["the"]]}),
        ("counted words", {"vocabulary_size": 259}),
        ("counted words", {"minimum_count": 0}),
        ("byte pairs", {"merges": [["ab", "c"]]}),
        ("byte pairs", {"merges": 3}),
        ("byte pairs", {"merges": [[1, 2]]}),
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
@pytest.mark.parametrize("names", ["<mask>", ["a", "a"], ["<pad>"], [""], [3], None, 3, ["\ud800"]])
def test_bad_special_tokens(kind, names):
    with pytest.raises(ValueError, match="Argument `special_tokens`"):
        kind(special_tokens=names)
