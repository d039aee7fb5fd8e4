"""What all tokenizers share: ids are special tokens, then the 256 bytes, then longer pieces."""

import abc
import hashlib
import json
import operator
import os
from collections.abc import Iterable, Sequence
from typing import Any, Self

from keras_dlnotes.text.checks import argument_error, entries, file_path, integer, unicode_text

PADDING = "<pad>"
BYTES = [bytes([value]) for value in range(256)]


class Tokenizer(abc.ABC):
    """Text to ids and back, without loss whatever the text.

    A text is the UTF-8 of its characters, and every byte is a token. Longer tokens are pieces of
    text that often occur; a subclass says how to find them. So no text is unknown: what no piece
    covers is written byte by byte.

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
        """The size as an int, or an error where it has no room for the bytes."""
        names = len(self._special_tokens)
        hint = f"That is {names} special tokens and 256 bytes at least."
        return integer("vocabulary_size", vocabulary_size, names + len(BYTES), hint=hint)

    def _set_pieces(self, pieces: Sequence[bytes]) -> None:
        """Says which tokens there are beside the special ones and the bytes."""
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
                that are no UTF-8, as a language model may write them, become "�".

        Raises:
            ValueError: for anything else.
        """
        contents = [self._content(id_) for id_ in entries("ids", ids, self._expected_ids())]
        return b"".join(contents).decode(errors="replace")

    def tokens(self, text: str) -> list[str]:
        """Returns the pieces that the text is cut into: those of its ids.

        A part of a character is shown as its bytes, such as "<0xE2>".
        """
        return [_readable(self._content(id_)) for id_ in self.encode(text)]

    def _expected_ids(self) -> str:
        return f"integers from 0 to {self.vocabulary_size - 1}, those of one text"

    def _content(self, id_: int) -> bytes:
        try:
            index = -1 if isinstance(id_, bool) else operator.index(id_)
        except (TypeError, ValueError, RuntimeError):  # as tensors say that they are no integer
            index = -1
        if 0 <= index < len(self._contents):
            return self._contents[index]
        if index in range(self.vocabulary_size):
            return b""
        raise argument_error("ids", self._expected_ids(), id_)

    def as_layer(self, **arguments: Any):
        """Returns a `Tokenization` layer of this tokenizer, for `tf.data` and for models.

        Args:
            **arguments: of `Tokenization`, such as `output_length=32`.
        """
        from keras_dlnotes.text.tokenization import Tokenization

        return Tokenization(self, **arguments)

    def get_config(self) -> dict[str, Any]:
        """Returns all that `from_config` needs to make the same tokenizer, as JSON knows it."""
        return {"special_tokens": list(self._special_tokens)[1:]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Returns the tokenizer of `get_config`."""
        return cls(**config)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the tokenizer to a JSON file, which is whole or not there at all.

        Raises:
            ValueError: if the path is none of a file.
            OSError: if its folder is not there, or cannot be written to.
        """
        path = file_path("path", path)
        content = {"tokenizer": type(self).__name__, "config": self.get_config()}
        content["checksum"] = _checksum(content)
        partial = path.with_name(f".partial-{path.name}")
        try:
            with partial.open("w", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except OSError as error:  # that of a full disk names no file
            if error.errno is None:
                raise
            raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Returns the tokenizer that `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is none of this class's, or of a version whose ids meant others.
        """
        content = file_path("path", path).read_bytes()
        try:
            saved = json.loads(content)
            kind, config = saved["tokenizer"], saved["config"]
            config.keys()  # of an object; other values have none
            checksum = saved.pop("checksum", None)  # of which older files have none
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
            raise argument_error(
                "path", "a file that a tokenizer's `save` wrote", str(path)
            ) from cause
        if kind != cls.__name__:
            raise argument_error(
                "path", f"a file of {cls.__name__}", str(path), f"It is one of {kind}."
            )
        if checksum not in (None, _checksum(saved)):
            hint = "Its checksum is another one."
            raise argument_error("path", f"a whole file of {cls.__name__}", str(path), hint)
        try:
            return cls.from_config(config)
        except (TypeError, ValueError, KeyError) as cause:
            raise argument_error(
                "path", f"a whole file of {cls.__name__}", str(path), str(cause)
            ) from cause


def _checksum(content: dict[str, Any]) -> str:
    """Returns the SHA-256 of what a file says."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _names(special_tokens: Sequence[str]) -> tuple[str, ...]:
    is_sequence = isinstance(special_tokens, Sequence) and not isinstance(special_tokens, str)
    if not is_sequence or not all(isinstance(name, str) and name for name in special_tokens):
        raise argument_error("special_tokens", "a list of names", special_tokens)
    return tuple(unicode_text("special_tokens", name) for name in special_tokens)


def _readable(content: bytes) -> str:
    """The text of a token, or its bytes as "<0xE2>" where they are no whole characters."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in content)
