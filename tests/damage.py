"""Everything that can happen to a record: to its text, and to each of its fields."""

import copy
import errno
import io
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from keras_dlnotes.runs.records import RunFolderError
from keras_dlnotes.tuning import SearchError

LENGTHS = (1, 2, 10, 0.1, 0.25, 0.5, 0.75, 0.9, -2)  # that a record is cut to
OWN = (RunFolderError, SearchError, ValueError)


def texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields what is no JSON object, by name."""
    yield "empty", b""
    yield "garbage", b"no JSON at all"
    yield "binary", bytes(range(256))
    yield "zeros", bytes(len(content))
    yield from ((f"only {text}", text.encode()) for text in ("{}", "[]", "null", "7", '"text"'))
    for length in LENGTHS:
        end = int(length * len(content)) if isinstance(length, float) else length
        yield f"cut to {length}", content[:end]
    for place in range(0, len(content), max(1, len(content) // 9)):
        yield f"bit {place}", content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def fields(content: bytes, has_checksum: bool) -> Iterator[tuple[str, bytes]]:
    """Yields the record with one field of another kind, by name.

    Args:
        content: of an intact record.
        has_checksum: whether the checksum stays, or is left out as in a record of before.
    """
    record = json.loads(content)
    if not has_checksum:
        record.pop("checksum", None)
    for place in places(record):
        for name, change in changes(value_at(record, place)).items():
            damaged = copy.deepcopy(record)
            change(value_at(damaged, place[:-1]), place[-1])
            if damaged != record:
                yield f"{'.'.join(map(str, place))} {name}", json.dumps(damaged).encode()


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields where the fields of a record are; of a list, its first and last entry."""
    if isinstance(value, dict):
        found = value.items()
    elif isinstance(value, list):
        found = {0: value[0], len(value) - 1: value[-1]}.items() if value else ()
    else:
        return
    for key, entry in found:
        yield (*place, key)
        yield from places(entry, (*place, key))


def value_at(record: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        record = record[key]
    return record


def changes(value: Any) -> dict[str, Callable[[Any, Any], None]]:
    """Returns ways to spoil a value, as functions of what holds it and of its key."""
    others = {"null": None, "text": "other", "number": 7, "list": [], "object": {}, "true": True}
    if isinstance(value, int | float) and not isinstance(value, bool):
        others |= {"negative": -5, "huge": 10**30, "endless": 10**400}
    if isinstance(value, str):
        others["empty"] = ""
    if isinstance(value, dict):
        others |= {"list of it": list(map(list, value.items())), "nested": {"a": {"b": [value]}}}
    if isinstance(value, list):
        others |= {"object of it": {str(key): one for key, one in enumerate(value)}}
        others |= {"nested": [[[value]]], "nulls": [None] * len(value), "twice": value + value}

    def setting(other: Any) -> Callable[[Any, Any], None]:
        return lambda holder, key: holder.__setitem__(key, other)

    found = {name: setting(other) for name, other in others.items()}
    return found | {"missing": lambda holder, key: holder.__delitem__(key)}


def contents_of(folder: Path) -> dict[str, bytes]:
    """Returns the content of all files of a folder but the locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "lock" not in path.name
    }


def state_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Returns what a file would be found changed by, for all files but the locks."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and "lock" not in path.name:
            status = path.stat()
            found[str(path)] = status.st_ino, status.st_mtime_ns, status.st_size
    return found


def fault_of(read: Callable[[], Any], path: Path, intact: Any) -> str | None:
    """Says what is wrong with what is told while a file below the path is damaged."""
    try:
        found = read()
    except OWN as error:
        return None if str(path) in str(error) else f"names no file: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if found == intact else "another answer, in silence"


def faults_of_reading(
    read: Callable[[], Any],
    intact: Any,
    path: Path,
    folder: Path,
    named: Path,
    damages: Iterable[tuple[str, bytes]],
) -> dict[str, str]:
    """Says what is wrong with a reader of each damaged content of a file, which is then intact.

    Args:
        read: the reader, which gives that answer or an error, and writes nothing.
        intact: what it answers where nothing is damaged.
        path: of the file.
        folder: of the run or search.
        named: what an error has to name: the file or the folder.
        damages: contents of the file, by name.
    """
    content = path.read_bytes()
    faults = {}
    for kind, damaged in damages:
        path.write_bytes(damaged)
        before = state_of(folder)
        fault = fault_of(read, named, intact)
        if state_of(folder) != before:
            fault = "the folder has changed"
        if fault is not None:
            faults[kind] = fault
    path.write_bytes(content)
    return faults


def failing_open(monkeypatch: Any, code: int, path: Path) -> None:
    """Makes every attempt to open a file fail."""
    original = io.open

    def opened(file: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(file, str | os.PathLike) and Path(file) == path:
            raise OSError(code, os.strerror(code), str(file))
        return original(file, *arguments, **options)

    monkeypatch.setattr(pathlib.io, "open", opened)


FAULTS = [errno.EMFILE, errno.EACCES, errno.ESTALE, errno.EIO]
