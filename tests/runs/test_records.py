"""Records: what is read is what was written, and what can't be read stays where it is."""

import builtins
import errno
import io
import json
import math
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass
from typing import TypedDict

import pytest

from keras_dlnotes.runs import records
from keras_dlnotes.runs.records import (
    CorruptRecordError,
    RunFolderError,
    UnreadableRecordError,
    read_or_quarantine,
    read_record,
    write_record,
)
from keras_dlnotes.runs.schema import Count

# reads a record in a process that has no descriptor left
EXHAUSTED = """
import os, resource, sys
from pathlib import Path
from keras_dlnotes.runs import records

records.PATIENCE_SECONDS = 0.2
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
try:
    records.read_or_quarantine(Path(sys.argv[1]), dict[str, int])
except records.UnreadableRecordError as error:
    for descriptor in held:
        os.close(descriptor)
    print(error)
print(records.read_record(Path(sys.argv[1]), dict[str, int]))
"""


class Point(TypedDict):
    x: float
    count: Count


@dataclass
class Line:
    length: float
    name: str = ""

    later = ("name",)


@pytest.fixture
def path(tmp_path):
    write_record(tmp_path / "point.json", {"x": 0.5, "count": 2})
    return tmp_path / "point.json"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(records, "PATIENCE_SECONDS", 0.0)


def test_what_was_written_is_read(path):
    assert read_record(path, Point) == {"x": 0.5, "count": 2}
    assert read_record(path.with_name("none.json"), Point) is None
    for value in (math.inf, -math.inf, 1e308, 5):
        write_record(path, {"x": value, "count": 0})
        assert read_record(path, Point)["x"] == value
    write_record(path, {"x": math.nan, "count": 0})
    assert math.isnan(read_record(path, Point)["x"])


def test_a_dataclass_is_made_of_its_record(path):
    write_record(path, {"length": 2})
    assert read_record(path, Line) == Line(2)
    write_record(path, {"length": 2, "width": 3})
    with pytest.raises(CorruptRecordError, match="it must not have width"):
        read_record(path, Line)


@pytest.mark.parametrize(
    "content, fault",
    [
        ("", "it is not JSON"),
        ('{"x": 1.0, "coun', "it is not JSON"),
        ("\x00\x00", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it must be an object, not []"),
        ("null", "it must be an object, not None"),
        ("{}", "it lacks x, count"),
        ('{"x": 1.0}', "it lacks count"),
        ('{"x": null, "count": 1}', "`x` must be a number, not None"),
        ('{"x": true, "count": 1}', "`x` must be a number, not True"),
        ('{"x": "1", "count": 1}', "`x` must be a number, not '1'"),
        ('{"x": 1, "count": 1.0}', "`count` must be a whole number, not 1.0"),
        ('{"x": 1, "count": -1}', "`count` must be a whole number ≥ 0, not -1"),
    ],
)
def test_another_content_is_told_and_only_its_owner_renames_it(path, content, fault, caplog):
    path.write_text(content)
    with pytest.raises(CorruptRecordError) as error:
        read_record(path, Point)
    assert str(error.value) == f"File {path} is corrupt: {fault}."
    assert path.read_text() == content

    assert read_or_quarantine(path, Point) is None
    assert not path.exists()
    assert path.with_name("point.json.corrupt-1").read_text() == content
    assert [record.message for record in caplog.records] == [
        f"{error.value} It is now point.json.corrupt-1."
    ]


def test_bytes_that_are_no_text_are_corrupt(path):
    path.write_bytes(b'{"x": "\xff"}')
    with pytest.raises(CorruptRecordError, match="it is not JSON"):
        read_record(path, Point)


def test_every_change_of_the_content_is_noticed(path):
    content = path.read_text()
    cut = [content[:length] for length in range(len(content) - 1)]
    changed = [
        content[:place] + ("8" if letter == "9" else "9") + content[place + 1 :]
        for place, letter in enumerate(content.partition('"checksum"')[0])
        if letter.isalnum()
    ]
    for damaged in cut + changed:
        path.write_text(damaged)
        with pytest.raises(CorruptRecordError):
            read_record(path, Point)


def test_another_layout_is_the_same_content(path):
    found = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(found.items())), separators=(",", ":")))
    assert read_record(path, Point) == {"x": 0.5, "count": 2}


def test_a_record_without_a_checksum_is_read_by_its_shape(path):
    path.write_text('{"x": 3, "count": 4}')
    assert read_record(path, Point) == {"x": 3, "count": 4}


def test_a_further_corrupt_record_gets_a_further_name(path):
    for number in (1, 2, 3):
        path.write_text("{")
        assert read_or_quarantine(path, Point) is None
        assert path.with_name(f"point.json.corrupt-{number}").exists()


def test_what_is_no_file_is_named_and_left_alone(tmp_path, impatient):
    folder, loop, pipe = (tmp_path / name for name in ("folder", "loop", "pipe"))
    folder.mkdir()
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    below = tmp_path / "file" / "below"
    below.parent.write_text("")
    for path, message in (
        (folder, "is a folder, where a file is expected"),
        (loop, "can't be read: Too many levels of symbolic links"),
        (pipe, "can't be read: it is no regular file"),
        (below, "can't be read: Not a directory"),
    ):
        with pytest.raises(UnreadableRecordError, match=message) as error:
            read_or_quarantine(path, Point)
        assert str(path) in str(error.value)
        assert isinstance(error.value, RunFolderError) and isinstance(error.value, OSError)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "loop", "pipe", "file"}


def failing_open(monkeypatch, code, times=10**9):
    """Makes opening a file fail so many times; returns how often it was tried."""
    tried = []
    original = io.open

    def opened(*arguments, **options):
        if len(tried) < times:
            tried.append(code)
            raise OSError(code, os.strerror(code), str(arguments[0]))
        return original(*arguments, **options)

    monkeypatch.setattr(pathlib.io, "open", opened)
    monkeypatch.setattr(builtins, "open", opened)
    return tried


@pytest.mark.parametrize("name", ["EMFILE", "ENFILE", "ESTALE", "EIO", "EACCES", "EPERM"])
@pytest.mark.parametrize("read", [read_record, read_or_quarantine])
def test_what_the_content_is_not_to_blame_for_is_raised(name, read, path, monkeypatch, impatient):
    before = path.read_bytes()
    code = getattr(errno, name)
    with monkeypatch.context() as patch:
        failing_open(patch, code)
        with pytest.raises(UnreadableRecordError, match=os.strerror(code)) as error:
            read(path, Point)
    assert error.value.errno == code and str(path) in str(error.value)
    assert isinstance(error.value.__cause__, OSError)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("name", ["EMFILE", "ESTALE", "EIO"])
def test_what_passes_is_waited_for(name, path, monkeypatch):
    monkeypatch.setattr(records, "PAUSE_SECONDS", 0.001)
    tried = failing_open(monkeypatch, getattr(errno, name), times=3)
    assert read_or_quarantine(path, Point) == {"x": 0.5, "count": 2}
    assert len(tried) == 3


@pytest.mark.thorough
def test_a_process_without_a_descriptor_left_renames_nothing(path):
    write_record(path, {"a": 1})
    done = subprocess.run(
        [sys.executable, "-c", EXHAUSTED, str(path)], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        f"File {path} can't be read: Too many open files.",
        "{'a': 1}",
    ], done.stderr
    assert [entry.name for entry in path.parent.iterdir()] == ["point.json"]
