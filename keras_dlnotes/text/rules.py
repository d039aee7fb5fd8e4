"""A tokenizer by rules: words, numbers and punctuation marks, of which a vocabulary is counted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

from keras_dlnotes.common.checks import LARGEST, argument_error, integer
from keras_dlnotes.text.cutting import pieces
from keras_dlnotes.text.texts import texts_of, unicode_text
from keras_dlnotes.text.tokenization import registered
from keras_dlnotes.text.tokenizer import BYTES, Tokenizer

# It changes whenever the same text and words would give other ids. Edition 1 had a list of English
# words and word parts in place of a vocabulary.
EDITION = 2


@registered
class RuleTokenizer(Tokenizer):
    """Splits text into words, numbers and punctuation marks by rules, without training.

    1. A word is a token: letters with all their combining marks, and apostrophes between letters:
       "naïve", "don't". Hyphens, digits and underscores divide words.
    2. A number is a token, with points and commas between its digits: "3.14", "1,000". A sign or
       a currency symbol before it is a token of its own.
    3. Any other mark is a token, and so is a run of the same mark, such as "...". An emoji with its
       modifiers is one token, and so is a flag.
    4. One space before a token belongs to it. Line breaks, tabs and further spaces are tokens, a
       run of the same one being one token.
    5. Chinese characters and kana, which are written without spaces, are a token each.

    The ids of tokens come from a vocabulary that `adapt` counts in texts. A token outside it, which
    every token is before `adapt`, is encoded by its bytes: no text is unknown, and the number of
    ids is fixed.

    Args:
        special_tokens: names of the special tokens that follow "<pad>", which is id 0.
        vocabulary_size: number of ids: special tokens, 256 bytes and the most frequent tokens.
            If the texts have fewer, the rest stays unused. None takes all tokens of the texts.
        minimum_count: int ≥ 1, how often a token must occur to get an id.

    Raises:
        ValueError: for a vocabulary too small for the bytes, or another argument out of range.

    Reference:
        Lecture notes, "Tokens".

    Example:

    >>> tokenizer = RuleTokenizer()
    >>> tokenizer.tokens("I don't watch 3.5 matches...")
    ['I', " don't", ' watch', ' 3.5', ' matches', '...']
    >>> tokenizer.adapt(["It is raining.", "It rained."]).vocabulary[259:]
    ['It', ' is', ' rained', ' raining']
    >>> tokenizer.encode("It is so")          # the word " so" by its three bytes
    [259, 260, 35, 118, 114]
    >>> tokenizer.decode(tokenizer.encode("naïve ☂"))
    'naïve ☂'
    """

    def __init__(
        self,
        special_tokens: Sequence[str] = ("<start>", "<end>"),
        *,
        vocabulary_size: int | None = None,
        minimum_count: int = 1,
    ):
        super().__init__(special_tokens)
        self.minimum_count = integer("minimum_count", minimum_count, 1, LARGEST)
        if vocabulary_size is not None:
            vocabulary_size = self._standardize_size(vocabulary_size)
        self._size = vocabulary_size
        self._set_words([])

    def adapt(self, texts: Iterable[str]) -> Self:
        """Counts the tokens of texts for a new vocabulary; returns the tokenizer.

        The most frequent token comes first; equally frequent ones are sorted by their characters.

        Args:
            texts: strings, read once; they need not fit into memory.

        Raises:
            ValueError: for a single string, or an entry that is not text.
        """
        counts = Counter(piece for text in texts_of(texts) for piece in pieces(text))
        frequent = [
            piece
            for piece, count in counts.items()
            # a single byte is a token already
            if count >= self.minimum_count and len(piece.encode()) > 1
        ]
        frequent.sort(key=lambda piece: (-counts[piece], piece))
        most = LARGEST if self._size is None else self._size
        self._set_words(frequent[: most - self.first_byte_id - len(BYTES)])
        return self

    def tokens(self, text: str) -> list[str]:
        """Returns the words, numbers and marks of the text, whether or not they have an id."""
        return list(pieces(unicode_text("text", text)))

    def encode(self, text: str) -> list[int]:
        """Returns the ids of the text's tokens: one for each, or those of its bytes."""
        ids: list[int] = []
        for piece in pieces(unicode_text("text", text)):
            id_ = self._ids.get(piece)
            if id_ is None:
                first = self.first_byte_id
                ids += [first + byte for byte in piece.encode()]
            else:
                ids.append(id_)
        return ids

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self._size,
            "minimum_count": self.minimum_count,
            "words": list(self._ids),
            "edition": EDITION,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        edition, words = config.pop("edition", None), config.pop("words", [])
        if edition == 1:
            raise argument_error(
                "edition",
                f"{EDITION}",
                edition,
                "Its list of English word parts is gone, and its ids now mean other tokens: make "
                "a new tokenizer, `adapt` it to your texts, and train the model anew.",
            )
        if edition != EDITION:
            raise argument_error("edition", f"{EDITION}, that of these rules", edition)
        tokenizer = cls(**config)
        if not isinstance(words, list) or len(set(words)) < len(words):
            raise argument_error("words", "a list of different words", words)
        tokenizer._set_words([unicode_text("words", word) for word in words])
        return tokenizer

    def _set_words(self, words: Sequence[str]) -> None:
        self._set_pieces([word.encode() for word in words])
        first = self.first_byte_id + len(BYTES)
        self._ids = {word: id_ for id_, word in enumerate(words, start=first)}
        self._unused_count = 0 if self._size is None else self._size - len(self._contents)
        if self._unused_count < 0:
            raise argument_error("words", f"few enough for {self._size} ids", words)
