"""Two ways to make tokens of text, one that learns and one that does not, side by side.

Learns from three quarters of Python's own documentation, and compares on the last quarter and on
a text in other scripts: tokens a character, the part of the tokens that are single bytes of a
character nobody knew, and speed.
"""

import time
from pydoc_data.topics import topics

from keras_dlnotes import text

pages = [topics[name] for name in sorted(topics)]
cut = len(pages) * 3 // 4
learned = text.BytePairTokenizer(vocabulary_size=2306).fit(pages[:cut])
samples = {
    "new pages": "\n".join(pages[cut:]),
    "other scripts": "Füße · नमस्ते दुनिया · 你好，世界 · ☂ " * 50,
}

print(f"{'tokenizer':20}{'text':16}{'ids':>7}{'tokens/char':>13}{'unknown':>9}{'Mchar/s':>9}")
for tokenizer in (text.RuleTokenizer(), learned):
    for name, sample in samples.items():
        start = time.perf_counter()
        ids = tokenizer.encode(sample)
        seconds = time.perf_counter() - start
        assert tokenizer.decode(ids) == sample
        unknown = sum(token.startswith("<0x") for token in tokenizer.tokens(sample))
        print(
            f"{type(tokenizer).__name__:20}{name:16}{tokenizer.vocabulary_size:7}"
            f"{len(ids) / len(sample):13.3f}{unknown / len(ids):9.1%}"
            f"{len(sample) / seconds / 1e6:9.1f}"
        )
print(learned.tokens("The weather in the north is wetter."))
