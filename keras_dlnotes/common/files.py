"""Files that are whole or absent, whatever moment the process dies at or the disk is full at."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keras_dlnotes.common import checks

PARTIAL = ".partial-"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to; the file takes its place when the block ends well.

    Its name ends like the final one, since writers choose a format by the suffix. An OSError names
    the final one.
    """
    path = checks.path("path", path)
    partial = path.with_name(PARTIAL + path.name)
    with _naming(path, partial):
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        if os.name == "posix":  # elsewhere a folder can't be opened
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _naming(path: Path, partial: Path) -> Iterator[None]:
    """Says of an OSError which file could not be written; that of a full disk names none."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (
            None,
            str(partial),
            os.fspath(path.parent),
        ):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_bytes(path: Path, content: "bytes | bytearray | memoryview") -> None:
    """Writes a file atomically."""
    rest = memoryview(content)
    with atomic_path(path) as partial, partial.open("wb", buffering=0) as file:
        while rest:  # the system may take less than all at a time
            rest = rest[file.write(rest) :]


def write_text(path: Path, content: str) -> None:
    """Writes a file of text atomically."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically."""
    try:
        content = json.dumps(value, indent=2) + "\n"
    except (TypeError, ValueError) as error:
        raise checks.argument_error("value", "a JSON value", value, str(error)) from error
    write_text(path, content)


def remove_partial(folder: Path) -> None:
    """Removes what writers that were killed have left in the folder."""
    for leftover in folder.glob(PARTIAL + "*"):
        leftover.unlink()
