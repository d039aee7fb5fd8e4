"""Records: JSON files with a schema and a checksum.

A record holds the SHA-256 of its content. One without a checksum, from an early version or edited
by hand, is validated by its schema alone.
"""

import dataclasses
import errno
import hashlib
import itertools
import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from keras_dlnotes.common.files import write_json
from keras_dlnotes.common.printable import get_logger
from keras_dlnotes.runs.schema import schema_error

CHECKSUM = "checksum"
PATIENCE_SECONDS = 5.0  # for transient errors
PAUSE_SECONDS = 0.05
TRANSIENT = {
    getattr(errno, name, None)
    for name in ("EMFILE", "ENFILE", "ESTALE", "EIO", "EAGAIN", "EBUSY", "ENOMEM", "ETIMEDOUT")
}

logger = get_logger("keras_dlnotes.runs")


class RunFolderError(RuntimeError):
    """A run folder can't be used: it is occupied, in use, not writable, changed or corrupt."""


class CorruptRecordError(RunFolderError):
    """The content of a record is not what was written.

    Attributes:
        fault: what is wrong with it.
    """

    def __init__(self, message: str, fault: str = ""):
        super().__init__(message)
        self.fault = fault


class UnreadableRecordError(OSError, RunFolderError):
    """A record can't be read, for a reason other than its content."""

    def __str__(self) -> str:
        return str(self.strerror)


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a record atomically, with its checksum."""
    write_json(path, {**content, CHECKSUM: checksum(content)})


def read_record(
    path: Path, schema: Any, check: Callable[[Any], str | None] = lambda content: None
) -> Any:
    """Returns a record's content, or None if there is no such file.

    Args:
        path: of the file.
        schema: see `schema_error`. For a dataclass, an instance is returned.
        check: valid content → what is wrong with it, or None.

    Raises:
        CorruptRecordError: if the content does not parse, has another checksum or violates the
            schema.
        UnreadableRecordError: if the file can't be read, after some retries for transient errors.
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
    if fault := schema_error(content, schema):
        raise corrupt(path, fault)
    if isinstance(schema, type) and dataclasses.is_dataclass(schema):
        content = schema(**content)
    if fault := check(content):
        raise corrupt(path, fault)
    return content


def read_or_quarantine(
    path: Path, schema: Any, check: Callable[[Any], str | None] = lambda content: None
) -> Any:
    """Returns a record's content, as `read_record`; quarantines a corrupt file and returns None."""
    try:
        return read_record(path, schema, check)
    except CorruptRecordError as error:
        quarantine(path, error)
        return None


def checksum(content: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a record's content, independent of its layout.

    >>> checksum({"a": 1, "b": [0.5]}) == checksum({"b": [0.5], "a": 1})
    True
    """
    parsed = json.loads(json.dumps(content))  # keys become strings
    return hashlib.sha256(json.dumps(parsed, sort_keys=True).encode()).hexdigest()


def read_file(path: Path, read: Callable[[BufferedReader], Any]) -> Any:
    """Returns the result of `read` on an open file, or None if there is no such file.

    Raises:
        UnreadableRecordError: see `read_record`.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # reading a pipe would block
                raise OSError(errno.EINVAL, "it is no regular file")
            with path.open("rb") as file:
                return read(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in TRANSIENT or time.monotonic() > deadline:
                raise unreadable(path, error) from error
        time.sleep(PAUSE_SECONDS)


def quarantine(path: Path, reason: Exception | str) -> None:
    """Renames a corrupt file or folder, for inspection, and logs a warning."""
    names = (path.with_name(f"{path.name}.corrupt-{number}") for number in itertools.count(1))
    target = next(name for name in names if not os.path.lexists(name))
    path.rename(target)
    logger.warning("%s It is now %s.", reason, target.name)


def corrupt(path: Path, fault: str) -> CorruptRecordError:
    """Returns the error for a file whose content is wrong."""
    return CorruptRecordError(f"File {path} is corrupt: {fault}.", fault)


def unreadable(path: Path, error: OSError) -> UnreadableRecordError:
    """Returns the error for a file that can't be read."""
    if path.is_dir():
        message = f"{path} is a folder, where a file is expected."
    else:
        message = f"File {path} can't be read: {error.strerror or error}."
    return UnreadableRecordError(error.errno, message)
