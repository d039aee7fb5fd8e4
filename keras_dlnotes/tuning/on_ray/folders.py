"""The files of a trial in a search's folder: read at one moment, and written so that all fit."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from keras_dlnotes.common.files import PARTIAL, write_bytes
from keras_dlnotes.runs.checkpoints import STATE
from keras_dlnotes.runs.folder import CHECKPOINTS, LOCK
from keras_dlnotes.tuning.folder import trial_path

TRIES, RETRY_SECONDS = 100, 0.05
RUNS = "execution_*"


def read_files(folder: Path, trial_ids: Iterable[str]) -> dict[str, bytes]:
    """Returns the files of trials' runs, path in the search's folder → content.

    The checkpoints are those that the state names, though the run may save another one meanwhile.
    """
    found: dict[str, bytes] = {}
    for trial_id in trial_ids:
        for run in sorted(trial_path(folder, trial_id).glob(RUNS)):
            found |= _read_run(folder, run)
    return found


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes these files the trials' runs; what is there already is not written again."""
    states = {path for path in files if Path(path).name == STATE}
    for name in sorted(files, key=lambda name: name in states):  # the weights that they name first
        target = folder / name
        if not target.is_file() or target.read_bytes() != files[name]:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, files[name])
    for run in {Path(*Path(path).parts[:2]) for path in files}:
        for path in _paths(folder / run):
            if str(path.relative_to(folder)) not in files:
                path.unlink()


def _read_run(folder: Path, run: Path) -> dict[str, bytes]:
    state = run / CHECKPOINTS / STATE
    for _ in range(TRIES):
        try:
            before = state.read_bytes() if state.exists() else None
            found = {str(path.relative_to(folder)): path.read_bytes() for path in _paths(run)}
        except FileNotFoundError:  # replaced meanwhile
            continue
        if found.get(str(state.relative_to(folder))) == before:
            return found
        time.sleep(RETRY_SECONDS)
    raise TimeoutError(f"{run} changes faster than it can be read.")


def _paths(run: Path) -> list[Path]:
    return [
        path
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name != LOCK and not path.name.startswith(PARTIAL)
    ]
