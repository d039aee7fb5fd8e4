"""Records: JSON files that are read as they were written, or not at all.

A record carries the SHA-256 of its content. One that was written before there were checksums has
none and is read by its shape alone, and so is one that is changed by hand and loses its checksum.
"""

import dataclasses
import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from keras_dlnotes.common.files import write_json
from keras_dlnotes.common.printable import get_logger
from keras_dlnotes.runs.shapes import misshapen

CHECKSUM = "checksum"
PATIENCE_SECONDS = 5.0  # for what may pass by itself
PAUSE_SECONDS = 0.05
PASSING = {
    getattr(errno, name, None)
    for name in ("EMFILE", "ENFILE", "ESTALE", "EIO", "EAGAIN", "EBUSY", "ENOMEM", "ETIMEDOUT")
}

logger = get_logger("keras_dlnotes.training")


class RunFolderError(RuntimeError):
    """A run folder can't be used as asked: occupied, in use, not writable, changed or corrupt."""


class CorruptRecordError(RunFolderError):
    """A record is there and can be read, but its content is not what was written.

    Attributes:
        fault: what is wrong with it.
    """

    def __init__(self, message: str, fault: str = ""):
        super().__init__(message)
        self.fault = fault


class UnreadableRecordError(OSError, RunFolderError):
    """A record can't be read, for a reason that has nothing to do with its content."""

    def __str__(self) -> str:
        return str(self.strerror)


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a record atomically, with its checksum."""
    write_json(path, {**content, CHECKSUM: checksum(content)})


def read_record(
    path: Path, kind: Any, check: Callable[[Any], str | None] = lambda content: None
) -> Any:
    """Returns a record's content, or None where there is no such file.

    Args:
        path: of the file.
        kind: what it has to be, as `misshapen` takes it. Of a dataclass, an instance is returned.
        check: says what is wrong with a content of that shape, or returns None.

    Raises:
        CorruptRecordError: where the content does not parse, differs from its checksum or is not of
            the kind.
        UnreadableRecordError: where the file can't be read, after some time where that may pass by
            itself.
    """
    data = read_file(path, lambda file: file.read())
    if data is None:
        return None
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise corrupt(path, "it is not JSON") from error
    has_checksum = isinstance(content, dict) and CHECKSUM in content
    if has_checksum and content.pop(CHECKSUM) != checksum(content):
        raise corrupt(path, "its checksum is another one")
    if fault := misshapen(content, kind):
        raise corrupt(path, fault)
    if dataclasses.is_dataclass(kind):
        content = kind(**content)
    if fault := check(content):
        raise corrupt(path, fault)
    return content


def read_own_record(
    path: Path, kind: Any, check: Callable[[Any], str | None] = lambda content: None
) -> Any:
    """Returns a record as its owner reads it: one that is corrupt is set aside, and there is none.

    See `read_record`.
    """
    try:
        return read_record(path, kind, check)
    except CorruptRecordError as error:
        set_aside(path, error)
        return None


def checksum(content: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a content, however its file is laid out.

    >>> checksum({"a": 1, "b": [0.5]}) == checksum({"b": [0.5], "a": 1})
    True
    """
    parsed = json.loads(json.dumps(content))  # keys that are numbers become texts
    return hashlib.sha256(json.dumps(parsed, sort_keys=True).encode()).hexdigest()


def read_file(path: Path, read: Callable[[BinaryIO], Any]) -> Any:
    """Returns what `read` makes of a file, or None where there is none.

    Raises:
        UnreadableRecordError: see `read_record`.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
                raise OSError(errno.EINVAL, "it is no regular file")
            with path.open("rb") as file:
                return read(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in PASSING or time.monotonic() > deadline:
                raise unreadable(path, error) from error
        time.sleep(PAUSE_SECONDS)


def set_aside(path: Path, reason: Exception | str) -> None:
    """Renames what is corrupt, for people to look at, and says so."""
    place = next(place for place in _corrupt_names(path) if not os.path.lexists(place))
    path.rename(place)
    logger.warning("%s It is now %s.", reason, place.name)


def corrupt(path: Path, fault: str) -> CorruptRecordError:
    """Returns the error that says what is wrong with the content of a file."""
    return CorruptRecordError(f"File {path} is corrupt: {fault}.", fault)


def unreadable(path: Path, error: OSError) -> UnreadableRecordError:
    """Returns the error that says why a file can't be read."""
    if path.is_dir():
        message = f"{path} is a folder, where a file is expected."
    else:
        message = f"File {path} can't be read: {error.strerror or error}."
    return UnreadableRecordError(error.errno, message)


def _corrupt_names(path: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield path.with_name(f"{path.name}.corrupt-{number}")
        number += 1
