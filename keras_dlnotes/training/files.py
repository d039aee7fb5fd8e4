"""Files that are whole or absent, whatever moment the process dies at."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keras_dlnotes import checks

PARTIAL = ".partial-"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to; the file takes its place when the block ends well.

    Its name ends like the final one, since writers choose a format by the suffix.
    """
    path = checks.path("path", path)
    partial = path.with_name(PARTIAL + path.name)
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder can't be opened
        descriptor = os.open(path.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically."""
    try:
        content = json.dumps(value, indent=2) + "\n"
    except (TypeError, ValueError) as error:
        raise checks.argument_error("value", "a JSON value", value, str(error)) from error
    with atomic_path(path) as partial:
        partial.write_text(content, encoding="utf-8")


def remove_partial(folder: Path) -> None:
    """Removes what writers that were killed have left in the folder."""
    for leftover in folder.glob(PARTIAL + "*"):
        leftover.unlink()
