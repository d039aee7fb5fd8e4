"""An attempt at a trial, in a process of Ray, which publishes its files after each epoch."""

import logging
import os
import pickle
import platform
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_tuner.errors import FatalError

from keras_dlnotes.runs.checkpoints import STATE
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.tuning.folder import TrialOutcome, hyperparameters_of, logger, trial_path
from keras_dlnotes.tuning.on_ray.curves import published
from keras_dlnotes.tuning.on_ray.folders import RUNS, read_files, write_files
from keras_dlnotes.tuning.on_ray.snapshots import FencedError, Snapshots
from keras_dlnotes.tuning.trials import run_trial

LOOK_SECONDS = 0.05
FENCED = 3  # the exit status


@dataclass(frozen=True)
class Attempt:
    """What an attempt needs to know.

    Attributes:
        trial_id: of the trial.
        hyperparameters: their configuration.
        storage: URL of the storage.
        trial: the name of the trial's part of it.
        name: of the attempt.
    """

    trial_id: str
    hyperparameters: dict[str, Any]
    storage: str
    trial: str
    name: str

    def snapshots(self) -> Snapshots:
        """Returns where the attempt publishes its files."""
        return Snapshots(self.storage, self.trial, self.name)


@dataclass(frozen=True)
class FatalReport:
    """The traceback of KerasTuner's FatalError, which ends the search."""

    message: str


def train(job: bytes, attempt: Attempt) -> TrialOutcome | FatalReport:
    """Trains a trial to its end, from the files that the attempt was given, and publishes them."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel(logging.INFO)
    task = pickle.loads(job)
    snapshots = attempt.snapshots()
    hp = hyperparameters_of(attempt.hyperparameters)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        trial_path(folder, attempt.trial_id).mkdir()
        write_files(folder, _given(snapshots, attempt))
        with _published(folder, attempt.trial_id, snapshots):
            try:
                settings = task.trial_settings
                curves = None if settings.pruning is None else published(attempt.storage)
                return run_trial(task.recipe, hp, settings, folder, attempt.trial_id, curves)
            except FatalError:
                return FatalReport(traceback.format_exc())


def _given(snapshots: Snapshots, attempt: Attempt) -> dict[str, bytes]:
    """The files that the attempt starts from."""
    try:
        return snapshots.read()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"Machine {platform.node()} does not see {attempt.trial}/{attempt.name} in the "
            f"storage {attempt.storage}. Pass `storage`, which all machines must see."
        ) from error


@contextmanager
def _published(folder: Path, trial_id: str, snapshots: Snapshots) -> Iterator[None]:
    """Publishes the trial's files after each epoch and at the end, unless it was replaced."""
    ended = threading.Event()

    def publish() -> None:
        snapshots.check_held()
        snapshots.publish(read_files(folder, [trial_id]))

    def watch() -> None:
        before = _saved(folder, trial_id)
        while not ended.wait(LOOK_SECONDS):
            now = _saved(folder, trial_id)
            if now != before:
                try:
                    publish()
                    before = now
                except FencedError as error:
                    logger.error("%s", error)
                    os._exit(FENCED)
                except Exception:  # storage that is out of reach for a while; the end tells
                    logger.warning("The checkpoint could not be published.", exc_info=True)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    publish()


def _saved(folder: Path, trial_id: str) -> list[tuple[str, int]]:
    """Which states the trial's runs have saved, and when."""
    states = trial_path(folder, trial_id).glob(f"{RUNS}/{CHECKPOINTS}/{STATE}")
    return sorted((str(path), path.stat().st_mtime_ns) for path in states)
