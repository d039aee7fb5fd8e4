"""Tokenizers' files that are damaged: every field, and the text itself."""

import json

import pytest

from keras_dlnotes.text import BytePairTokenizer, RuleTokenizer
from tests import damage

TEXTS = ["hello world, hello again", "the world again"]


def fitted(kind):
    if kind is RuleTokenizer:
        return RuleTokenizer().adapt(TEXTS)
    return BytePairTokenizer(vocabulary_size=300).fit(TEXTS)


@pytest.mark.parametrize("kind", [RuleTokenizer, BytePairTokenizer])
def test_a_damaged_file_is_refused(kind, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer = fitted(kind)
    tokenizer.save(path)
    content, ids = path.read_bytes(), tokenizer.encode(TEXTS[0])

    def read():
        return kind.load(path).encode(TEXTS[0])

    faults = {}
    for name, damaged in [*damage.texts(content), *damage.fields(content, has_checksum=True)]:
        path.write_bytes(damaged)
        if fault := damage.fault_of(read, path, ids):
            faults[name] = fault
    assert not faults


@pytest.mark.parametrize("kind", [RuleTokenizer, BytePairTokenizer])
def test_a_file_without_a_checksum_is_read(kind, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer = fitted(kind)
    tokenizer.save(path)
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content))
    assert kind.load(path).encode(TEXTS[0]) == tokenizer.encode(TEXTS[0])
    for config in ([], "text", None, 5):
        path.write_text(json.dumps(content | {"config": config}))
        with pytest.raises(ValueError, match="a tokenizer's `save` wrote"):
            kind.load(path)
