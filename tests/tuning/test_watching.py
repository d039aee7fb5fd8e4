"""A search is watched through its folder, while it runs and afterwards."""

import json
import os
import time

import pytest

from keras_dlnotes.tuning import watching
from keras_dlnotes.tuning.watching import PAGE, watch
from tests.tuning import finished


@pytest.fixture
def ended(search):
    """The folder of a search whose tuner has no further trial."""
    path = search[0] / "oracle.json"
    state = json.loads(path.read_text()) | {"exhausted": True}
    state.pop("checksum")
    path.write_text(json.dumps(state))
    return search[0]


def test_a_finished_search_is_shown_once(ended):
    folder = ended
    shown = []
    assert watch(folder, shown.append)
    (progress,) = shown
    assert (progress.done, progress.planned, progress.epochs) == (3, 3, finished.EPOCHS)
    assert [trial.name for trial in progress.failed] == ["2"]
    page = (folder / PAGE).read_text()
    assert "Search: build" in page and "refresh" not in page


def test_the_page_reloads_itself_until_the_search_ends(ended, monkeypatch):
    folder = ended
    monkeypatch.setattr(watching, "TICK_SECONDS", 0.01)
    ending = folder / "trial_0" / "ending.json"
    content = ending.read_bytes()
    ending.unlink()
    os.utime(folder / "search.json")
    shown, pages = [], []

    def note(progress):
        shown.append(progress)
        if len(shown) > 1:
            pages.append((folder / PAGE).read_text())
            ending.write_bytes(content)

    assert watch(folder, note)
    assert '<meta http-equiv="refresh" content="5">' in pages[0]
    assert shown[0].done == 2 and shown[-1].done == 3
    assert "refresh" not in (folder / PAGE).read_text()


def test_a_search_that_nobody_works_on_is_left(search, monkeypatch):
    folder = search[0]
    (folder / "trial_0" / "ending.json").unlink()
    long_ago = time.time() - 2 * watching.SILENCE_SECONDS
    for name in ("search.json", "oracle.json"):
        os.utime(folder / name, (long_ago, long_ago))
    assert not watch(folder)


def test_a_folder_without_a_search_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"Folder {tmp_path} holds no search"):
        watch(tmp_path)


def test_nothing_but_the_page_changes(ended):
    folder = ended
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    watch(folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert after.pop(folder / PAGE) and after == before
