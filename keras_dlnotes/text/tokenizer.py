"""The base of all tokenizers: ids of special tokens, of the 256 bytes, then of longer pieces."""

import abc
import hashlib
import json
import operator
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from keras_dlnotes.common import checks
from keras_dlnotes.common.checks import LARGEST, argument_error, integer
from keras_dlnotes.common.files import write_text
from keras_dlnotes.text.texts import entries, unicode_text
from keras_dlnotes.text.tokenization import Tokenization

PADDING = "<pad>"
BYTES = [bytes([value]) for value in range(256)]


class Tokenizer(abc.ABC):
    """Encodes any text as ids, without loss.

    A text is the UTF-8 of its characters, and every byte is a token. Longer tokens are frequent
    pieces of text, which a subclass finds. So no text is unknown: what no piece covers is encoded
    byte by byte.

    Id 0 pads. Special tokens follow; no text is ever encoded as one, not even "<start>".

    Args:
        special_tokens: names of the special tokens after "<pad>", in the order of their ids.

    Raises:
        ValueError: for a name that is empty or comes twice.
    """

    def __init__(self, special_tokens: Sequence[str] = ("<start>", "<end>")):
        names = (PADDING, *_names(special_tokens))
        if len(set(names)) < len(names):
            raise argument_error(
                "special_tokens", f"different names other than {PADDING!r}", special_tokens
            )
        self._special_tokens = {name: id_ for id_, name in enumerate(names)}
        self._unused_count = 0
        self._set_pieces([])

    def _standardize_size(self, vocabulary_size: Any) -> int:
        """Returns the size as an int, or raises if it is too small for the bytes."""
        names = len(self._special_tokens)
        hint = f"That is {names} special tokens and 256 bytes at least."
        return integer("vocabulary_size", vocabulary_size, names + len(BYTES), LARGEST, hint)

    def _set_pieces(self, pieces: Sequence[bytes]) -> None:
        """Sets the tokens beside the special ones and the bytes."""
        self._contents = [*([b""] * len(self._special_tokens)), *BYTES, *pieces]

    @property
    def first_byte_id(self) -> int:
        """The id of byte 0; the other bytes follow."""
        return len(self._special_tokens)

    @property
    def special_tokens(self) -> dict[str, int]:
        """The ids of the special tokens by their names."""
        return dict(self._special_tokens)

    @property
    def vocabulary_size(self) -> int:
        """The number of ids: what an embedding's `input_dim` must be."""
        return len(self._contents) + self._unused_count

    @property
    def vocabulary(self) -> list[str]:
        """Every token as text, at the index that is its id."""
        learned = [_readable(content) for content in self._contents[self.first_byte_id :]]
        unused = [f"<unused{number}>" for number in range(self._unused_count)]
        return [*self._special_tokens, *learned, *unused]

    @abc.abstractmethod
    def encode(self, text: str) -> list[int]:
        """Returns the ids of the text's tokens."""

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text that the ids stand for; `decode(encode(text)) == text`.

        Args:
            ids: integers in [0, vocabulary_size), of one text. Special tokens add nothing; bytes
                that are not UTF-8, which a language model may produce, become "�".

        Raises:
            ValueError: for anything else.
        """
        contents = [self._content(id_) for id_ in entries("ids", ids, self._expected_ids())]
        return b"".join(contents).decode(errors="replace")

    def tokens(self, text: str) -> list[str]:
        """Returns the pieces that the text is split into: those of its ids.

        A part of a character is shown as its bytes, such as "<0xE2>".
        """
        return [_readable(self._content(id_)) for id_ in self.encode(text)]

    def _expected_ids(self) -> str:
        return f"integers from 0 to {self.vocabulary_size - 1}, those of one text"

    def _content(self, id_: Any) -> bytes:
        try:
            index = -1 if isinstance(id_, bool) else operator.index(id_)
        except (TypeError, ValueError, RuntimeError):  # which of them depends on the kind of tensor
            index = -1
        if 0 <= index < len(self._contents):
            return self._contents[index]
        if index in range(self.vocabulary_size):
            return b""
        raise argument_error("ids", self._expected_ids(), id_)

    def as_layer(self, **arguments: Any) -> Tokenization:
        """Returns a `Tokenization` layer of this tokenizer, for `tf.data` and for models.

        Args:
            **arguments: of `Tokenization`, such as `output_length=32`.
        """
        return Tokenization(self, **arguments)

    def get_config(self) -> dict[str, Any]:
        """Returns, as JSON values, what `from_config` needs to make the same tokenizer."""
        return {"special_tokens": list(self._special_tokens)[1:]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Returns the tokenizer of `get_config`."""
        return cls(**config)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the tokenizer to a JSON file, atomically.

        Raises:
            ValueError: if the path is not that of a file.
            OSError: if its folder does not exist, or cannot be written to.
        """
        content = {"tokenizer": type(self).__name__, "config": self.get_config()}
        content["checksum"] = _checksum(content)
        text = json.dumps(content, ensure_ascii=False, indent=1)
        write_text(_file_path("path", path), text)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Returns the tokenizer that `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is not one of this class, or of a version with other ids.
        """
        content = _file_path("path", path).read_bytes()
        try:
            saved = json.loads(content)
            kind, config = saved["tokenizer"], saved["config"]
            config.keys()  # of an object; other values have none
            checksum = saved.pop("checksum", None)  # older files have none
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
            raise argument_error(
                "path", "a file that a tokenizer's `save` wrote", str(path)
            ) from cause
        if kind != cls.__name__:
            raise argument_error(
                "path", f"a file of {cls.__name__}", str(path), f"It is one of {kind}."
            )
        if checksum not in (None, _checksum(saved)):
            hint = "Its checksum does not match."
            raise argument_error("path", f"a whole file of {cls.__name__}", str(path), hint)
        try:
            return cls.from_config(config)
        except (TypeError, ValueError, KeyError) as cause:
            raise argument_error(
                "path", f"a whole file of {cls.__name__}", str(path), str(cause)
            ) from cause


def _file_path(name: str, value: Any) -> Path:
    try:
        path = checks.path(name, value)
    except ValueError as cause:
        raise argument_error(name, "the path of a file", value) from cause
    if path.is_dir():
        raise argument_error(name, "the path of a file, not of a folder", value)
    return path


def _checksum(content: dict[str, Any]) -> str:
    """Returns the SHA-256 of a file's content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _names(special_tokens: Sequence[str]) -> tuple[str, ...]:
    is_sequence = isinstance(special_tokens, Sequence) and not isinstance(special_tokens, str)
    if not is_sequence or not all(isinstance(name, str) and name for name in special_tokens):
        raise argument_error("special_tokens", "a list of names", special_tokens)
    return tuple(unicode_text("special_tokens", name) for name in special_tokens)


def _readable(content: bytes) -> str:
    """Returns the text of a token, or its bytes as "<0xE2>" if they are no whole characters."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in content)
