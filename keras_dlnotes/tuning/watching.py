"""Watches a search through its folder, from another process or after it has ended."""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keras_dlnotes import reports
from keras_dlnotes.common.checks import path
from keras_dlnotes.common.files import write_text
from keras_dlnotes.runs.records import read_record
from keras_dlnotes.tuning.chief import HEARTBEAT
from keras_dlnotes.tuning.consistency import fault_in_search
from keras_dlnotes.tuning.folder import ORACLE, SETTINGS
from keras_dlnotes.tuning.formats import SearchRecord
from keras_dlnotes.tuning.job import oracle_of
from keras_dlnotes.tuning.monitor import Progress, best_value
from keras_dlnotes.tuning.records import Records, TrialRecord, read_or_warn, to_frame
from keras_dlnotes.tuning.supervisor import is_exhausted

PAGE = "watch.html"
TICK_SECONDS = 1.0
RELOAD_SECONDS = 5  # after which a browser loads the page again
SILENCE_SECONDS = 60.0  # without a sign of life, after which a search has ended


def watch(directory: Any, on_progress: Callable[[Progress], Any] | None = None) -> bool:
    """Follows a search until it ends, and keeps a page about it up to date.

    The page is `watch.html` in the search's folder; a browser loads it again every few seconds for
    as long as the search runs. Nothing else in the folder changes.

    Args:
        directory: the folder of the search, running or not.
        on_progress: called with the `Progress` every second.

    Returns:
        Whether the search is finished; False if no process has been at work for a minute.

    Raises:
        FileNotFoundError: if the folder holds no search.
        RunFolderError: if its settings are corrupt.
    """
    folder = path("directory", directory)
    content = read_record(folder / SETTINGS, SearchRecord, fault_in_search)
    if content is None:
        raise FileNotFoundError(f"Folder {folder} holds no search.")
    settings = content["settings"]
    records = Records(folder, settings["objective"], read_or_warn)
    planned = _planned(folder, settings)
    reported: set[str] = set()
    shown = None
    while True:
        is_finished = is_exhausted(folder)
        trials = records.read()
        is_finished = is_finished and all(trial.outcome is not None for trial in trials)
        is_over = is_finished or not _is_alive(folder)
        if on_progress is not None:
            on_progress(_progress(settings, planned, trials, reported))
        state = [(trial.name, trial.status, trial.epochs) for trial in trials], is_over
        if state != shown:
            _write_page(folder, settings, trials, None if is_over else RELOAD_SECONDS)
            shown = state
        if is_over:
            return is_finished
        time.sleep(TICK_SECONDS)


def _planned(folder: Path, settings: Mapping[str, Any]) -> int | None:
    with contextlib.suppress(Exception):  # a search of another version
        return oracle_of(settings, folder).planned_trials()
    return settings["max_trials"]


def _is_alive(folder: Path) -> bool:
    """Returns whether a process has written to the folder within the last minute."""
    newest = 0.0
    for file in (folder / SETTINGS, folder / ORACLE, *folder.glob(f"trial_*/{HEARTBEAT}")):
        with contextlib.suppress(OSError):
            newest = max(newest, file.stat().st_mtime)
    return time.time() - newest < SILENCE_SECONDS


def _progress(
    settings: Mapping[str, Any],
    planned: int | None,
    trials: list[TrialRecord],
    reported: set[str],
) -> Progress:
    failures = [trial for trial in trials if trial.status not in ("COMPLETED", "RUNNING")]
    new = [trial for trial in failures if trial.name not in reported]
    reported.update(trial.name for trial in new)
    name = settings["objective"]
    best = best_value(trials, name, settings["direction"], settings["executions"])
    return Progress(trials, planned, name, best, None, new, settings["epochs"])


def _write_page(
    folder: Path, settings: Mapping[str, Any], trials: list[TrialRecord], reload: int | None
) -> None:
    if not any(trial.epochs for trial in trials):
        return
    page = reports.search_page(
        to_frame(trials), settings["objective"], settings["direction"],
        title=f"Search: {settings['task']}",
    )  # fmt: skip
    write_text(folder / PAGE, page.render(reload))
