"""Snapshots on storage: whole or absent, and only the attempt that holds a trial counts."""

import threading

import pytest

pytest.importorskip("fsspec")

from keras_dlnotes.tuning.on_ray import snapshots as module
from keras_dlnotes.tuning.on_ray.folders import read_files, write_files
from keras_dlnotes.tuning.on_ray.snapshots import FencedError, Snapshots, TrialStorage

STATE = "trial_0/execution_0/checkpoints/state.json"
WEIGHTS = "trial_0/execution_0/checkpoints/epoch-1.weights.h5"


@pytest.fixture(params=["folder", "memory"])
def url(request, tmp_path):
    return str(tmp_path / "storage") if request.param == "folder" else f"memory://{tmp_path.name}"


def opened(storage, attempt):
    return Snapshots(storage.url, storage.name, attempt)


def test_an_attempt_begins_from_what_it_is_given(url):
    storage = TrialStorage(url, "0")
    files = {STATE: b"{}", WEIGHTS: b"\x00\x01"}
    assert opened(storage, storage.begin(files)).read() == files


def test_a_reader_sees_the_last_snapshot(url):
    storage = TrialStorage(url, "0")
    attempt = storage.begin({STATE: b"0"})
    reader, writer = opened(storage, attempt), opened(storage, attempt)
    assert reader.read() == {STATE: b"0"}
    for number in range(3):
        files = {STATE: b"%d" % number, WEIGHTS: b"same"}
        writer.publish(files)
        assert reader.read() == files


def test_only_the_attempt_that_holds_the_trial_may_publish(url):
    storage = TrialStorage(url, "0")
    first = opened(storage, storage.begin({}))
    first.check_held()
    second = opened(storage, storage.begin({STATE: b"1"}))
    second.check_held()
    with pytest.raises(FencedError, match="replaced"):
        first.check_held()
    first.publish({STATE: b"what a thawed process writes"})
    assert second.read() == {STATE: b"1"}


def test_a_torn_content_is_no_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TRIES", 2)
    storage = TrialStorage(str(tmp_path), "0")
    attempt = storage.begin({STATE: b"0"})
    (content,) = (tmp_path / "trial_0" / attempt / "contents").iterdir()
    content.write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="lost"):
        opened(storage, attempt).read()


def test_readers_beside_a_writer_see_whole_snapshots(url):
    storage = TrialStorage(url, "0")
    attempt = storage.begin({STATE: b"0", WEIGHTS: b"0"})
    ended = threading.Event()

    def write():
        writer = opened(storage, attempt)
        for number in range(200):
            content = b"%d" % number
            writer.publish({STATE: content, WEIGHTS: b"w" + content})
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    reader, seen = opened(storage, attempt), set()
    while not ended.is_set():
        files = reader.read()
        assert files[WEIGHTS].removeprefix(b"w") == files[STATE]
        seen.add(files[STATE])
    thread.join()
    assert reader.read()[STATE] == b"199" and len(seen) > 1


def test_nothing_is_left_of_a_trial_that_has_ended(url):
    storage = TrialStorage(url, "0")
    attempt = storage.begin({STATE: b"0"})
    storage.remove()
    with pytest.raises(FileNotFoundError):
        opened(storage, attempt).read()


def test_files_come_back_as_they_were(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    files = {STATE: b"{}", WEIGHTS: b"1", "trial_0/execution_0/logs/train/events": b"2"}
    write_files(source, files)
    (source / "trial_0/execution_0/.lock").touch()
    (source / "trial_0/execution_0/.partial-history.csv").touch()
    (source / "trial_0/trial.json").write_text("the oracle's")
    assert read_files(source, ["0"]) == files
    write_files(target, {**files, "trial_0/execution_0/checkpoints/epoch-0.weights.h5": b"0"})
    write_files(target, files)
    assert read_files(target, ["0"]) == files


def test_the_state_is_written_after_what_it_names(tmp_path, monkeypatch):
    from keras_dlnotes.tuning.on_ray import folders

    written = []
    monkeypatch.setattr(folders, "write_bytes", lambda path, content: written.append(path.name))
    write_files(tmp_path, {STATE: b"{}", WEIGHTS: b"1"})
    assert written == ["epoch-1.weights.h5", "state.json"]
