"""Two ways to make tokens of text, one that learns and one that does not, side by side.

Both see three quarters of Python's own documentation, one to learn parts of words from it, one to
count the words that its rules cut. They are compared on the last quarter and on a text in other
scripts: ids a character, the share of the ids that are single bytes, and speed.
"""

import time
from pydoc_data.topics import topics

from keras_dlnotes import text

pages = [topics[name] for name in sorted(topics)]
cut = len(pages) * 3 // 4
counted = text.RuleTokenizer(vocabulary_size=3000).adapt(pages[:cut])
learned = text.BytePairTokenizer(vocabulary_size=3000).fit(pages[:cut])
samples = {
    "new pages": "\n".join(pages[cut:]),
    "other scripts": "Füße · नमस्ते दुनिया · 你好，世界 · ☂ " * 50,
}

print(f"{'tokenizer':20}{'text':16}{'ids':>7}{'ids/char':>10}{'bytes':>9}{'Mchar/s':>9}")
for tokenizer in (counted, learned):
    for name, sample in samples.items():
        start = time.perf_counter()
        ids = tokenizer.encode(sample)
        seconds = time.perf_counter() - start
        assert tokenizer.decode(ids) == sample
        single = sum(id_ < tokenizer.first_byte_id + 256 for id_ in ids)
        print(
            f"{type(tokenizer).__name__:20}{name:16}{tokenizer.vocabulary_size:7}"
            f"{len(ids) / len(sample):10.3f}{single / len(ids):9.1%}"
            f"{len(sample) / seconds / 1e6:9.1f}"
        )
for tokenizer in (counted, learned):
    print(tokenizer.tokens("The weather in the north is wetter."))
