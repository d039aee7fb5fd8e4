"""A tokenizer that learns from texts: byte-pair encoding, by the `tokenizers` package."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Self

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.extras import require
from keras_dlnotes.text.texts import texts_of, unicode_text
from keras_dlnotes.text.tokenization import registered
from keras_dlnotes.text.tokenizer import Tokenizer


@registered
class BytePairTokenizer(Tokenizer):
    """Byte-pair encoding: the most frequent pair of adjacent tokens becomes a token, repeatedly.

    Training starts from the 256 bytes. Each step counts all pairs (a, b) of adjacent tokens within
    the words of the texts, and merges the most frequent one into the new token ab. Encoding a word
    applies the same merges in the order in which they were learned.

    A word here is a run of letters, digits or other characters, with the space before it.

    Args:
        vocabulary_size: number of ids: special tokens, 256 bytes and learned tokens. If the texts
            have fewer pairs that occur twice, the rest stays unused.
        special_tokens: names of the special tokens that follow "<pad>", which is id 0.

    Raises:
        ValueError: for a vocabulary too small for the bytes.

    Reference:
        Lecture notes, "Tokens"; R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of
        Rare Words with Subword Units", 2016.

    Example:

    >>> tokenizer = BytePairTokenizer(vocabulary_size=265).fit(["low lower lowest"] * 9)
    >>> tokenizer.tokens("the lowest")
    ['t', 'h', 'e', ' lowe', 'st']
    >>> tokenizer.decode(tokenizer.encode("naïve ☂"))
    'naïve ☂'
    """

    def __init__(
        self, vocabulary_size: int = 8000, special_tokens: Sequence[str] = ("<start>", "<end>")
    ):
        super().__init__(special_tokens)
        self._unused_count = self._standardize_size(vocabulary_size) - len(self._contents)
        self._merges: list[tuple[str, str]] | None = None
        self._encoder: Any = None

    def fit(self, texts: Iterable[str]) -> Self:
        """Learns the merges from texts in place of earlier ones; returns the tokenizer.

        Args:
            texts: strings, read once; they need not fit into memory.

        Raises:
            ValueError: for a single string, or an entry that is not text.
        """
        learner = _byte_level([], {})
        learner.train_from_iterator(
            texts_of(texts),
            _package().trainers.BpeTrainer(
                vocab_size=self.vocabulary_size - len(self.special_tokens),
                initial_alphabet=list(_LETTERS),
                min_frequency=2,
                show_progress=False,
            ),
        )
        merges = json.loads(learner.to_str())["model"]["merges"]
        self._set_merges([(first, second) for first, second in merges])
        return self

    def encode(self, text: str) -> list[int]:
        if self._encoder is None:
            raise RuntimeError("A BytePairTokenizer must be fitted before it encodes: call `fit`.")
        first = self.first_byte_id
        return [first + id_ for id_ in self._encoder.encode(unicode_text("text", text)).ids]

    def get_config(self) -> dict[str, Any]:
        config = {"vocabulary_size": self.vocabulary_size, **super().get_config()}
        merges = self._merges
        return config if merges is None else {**config, "merges": [list(pair) for pair in merges]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        merges = config.pop("merges", None)
        tokenizer = cls(**config)
        if merges is not None:
            tokenizer._set_merges([(first, second) for first, second in merges])
        return tokenizer

    def _set_merges(self, merges: list[tuple[str, str]]) -> None:
        size = self.vocabulary_size
        known = set(_LETTERS)
        for first, second in merges:
            if not known.issuperset((first, second)):
                raise argument_error("merges", "pairs of known tokens", (first, second))
            known.add(first + second)
        # two pairs may merge into the same piece, which has one id
        pieces = list(dict.fromkeys(first + second for first, second in merges))
        self._set_pieces([bytes(_VALUES[letter] for letter in piece) for piece in pieces])
        self._unused_count = size - len(self._contents)
        if self._unused_count < 0:
            raise argument_error("merges", f"few enough for {size} ids", merges)
        vocabulary = {piece: id_ for id_, piece in enumerate([*_LETTERS, *pieces])}
        self._merges, self._encoder = merges, _byte_level(merges, vocabulary)


def _byte_level(merges: list[tuple[str, str]], vocabulary: dict[str, int]):
    """Returns an encoder that changes nothing in a text."""
    tokenizers = _package()
    encoder = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=merges))
    encoder.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return encoder


def _package():
    # imported here, since `import keras_dlnotes`, which imports this module, does without it
    require("text", "tokenizers")
    import tokenizers.trainers

    return tokenizers


def _byte_letters() -> list[str]:
    """Returns the letter by which byte-level encoders show each byte: itself, if printable."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


_LETTERS = _byte_letters()
_VALUES = {letter: byte for byte, letter in enumerate(_LETTERS)}
