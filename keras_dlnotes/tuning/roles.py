"""What each process of a search does: look whether it can work, be the chief, train a trial.

The launcher imports this module, and forks; so nothing here may start a framework on import.
"""

import logging
import os
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.errors import FatalError

from keras_dlnotes.runs.records import read_or_quarantine, write_record
from keras_dlnotes.tuning import chief, preflight
from keras_dlnotes.tuning.chief import BEAT_SECONDS, BEATS
from keras_dlnotes.tuning.fatal import tell_fatal
from keras_dlnotes.tuning.folder import (
    FAILED,
    Ending,
    hyperparameters_of,
    logger,
    read_ending,
    trial_path,
    write_ending,
)
from keras_dlnotes.tuning.formats import Deaths
from keras_dlnotes.tuning.hparams import log_trial
from keras_dlnotes.tuning.job import Job, read_job
from keras_dlnotes.tuning.messages import StrangerError
from keras_dlnotes.tuning.service import Line, NoChiefError, ask
from keras_dlnotes.tuning.trials import run_trial

TRIAL_ENDED, NOTHING_LEFT, NO_CHIEF, STRANGER = 0, 10, 11, 12
IDLE_SECONDS = 0.2
DEATHS = "deaths.json"
MOST_DEATHS = 3


def look_ahead(job: str, answer: str) -> int:
    """Runs the preflight and leaves its answer in a file."""
    task = _load(job)
    tempfile.tempdir = str(Path(answer).parent)  # which goes, even where this process is killed
    try:
        found = preflight.look_ahead(
            task.recipe,
            task.conditions.objective,
            task.oracle["arguments"],
            epochs_are_asked=task.oracle["tuner"] == "hyperband",
        )
    except Exception as error:
        is_argument = isinstance(error, ValueError) and str(error).startswith("Argument")
        told = is_argument or isinstance(error, preflight.RuledOutError)
        found = {
            "error": str(error)
            if told
            else "".join(traceback.format_exception_only(error)).strip(),
            "is_argument": is_argument,
            "traceback": traceback.format_exc(),
        }
    write_record(Path(answer), found)
    return 0


def be_chief(
    job: str,
    line: dict[str, str],
    space: dict[str, Any],
    workers: list[str] | None,
    keep_ongoing: bool,
    silence: float,
) -> int:
    """Serves the search's oracle until it is ended."""
    chief.serve(_load(job), Line(**line), space, workers, keep_ongoing, silence)
    return 0


def train(job: str, line: dict[str, str], worker: str, has_died: bool) -> int:
    """Takes a trial, trains it to its end and reports it."""
    try:
        return _train(_load(job), Line(**line), worker, has_died)
    except NoChiefError as error:
        logger.error("%s", error)
        return NO_CHIEF
    except StrangerError as error:
        logger.error("%s", error)
        return STRANGER


def _train(task: Job, line: Line, worker: str, has_died: bool) -> int:
    trial = ask(line, call="create_trial", worker=worker)
    while trial["status"] == TrialStatus.IDLE:
        time.sleep(IDLE_SECONDS)
        trial = ask(line, call="create_trial", worker=worker)
    if trial["status"] == TrialStatus.STOPPED:
        return NOTHING_LEFT
    trial_id = trial["trial"]
    path = trial_path(task.folder, trial_id)
    threading.Thread(target=_beat, args=(path / BEATS,), daemon=True).start()
    objective = task.conditions.objective.name
    if read_ending(task.folder, trial_id, objective, read_or_quarantine) is None:
        hp = hyperparameters_of(trial["hyperparameters"])
        ending = _fate(path, hp) if has_died else None
        if ending is None:
            splits = task.recipe.load()
            try:
                ending = run_trial(task.recipe, splits, hp, task.conditions, task.folder, trial_id)
            except FatalError:
                tell_fatal(path)
                return TRIAL_ENDED
        log_trial(task.folder, trial_id, task.conditions.executions, ending)
        write_ending(task.folder, trial_id, ending)
        logger.info("Trial %s has ended: %s", trial_id, ending.status)
    ask(line, call="end_trial", trial=trial_id)
    return TRIAL_ENDED


def _fate(path: Path, hp: keras_tuner.HyperParameters) -> Ending | None:
    """Gives up a trial whose process was killed again and again without finishing an epoch."""
    epochs = sorted(
        str(state.stat().st_mtime_ns) for state in path.glob("*/checkpoints/state.json")
    )
    earlier = read_or_quarantine(path / DEATHS, Deaths) or {}
    deaths = 1 + (earlier["deaths"] if earlier.get("epochs") == epochs else 0)
    write_record(path / DEATHS, {"epochs": epochs, "deaths": deaths})
    if deaths < MOST_DEATHS:
        return None
    message = (
        f"The trial's process was killed {deaths} times without finishing an epoch; the usual "
        "reason is that the machine has no memory left for it."
    )
    return Ending(FAILED, hp.get_config(), message=message)


def _beat(path: Path) -> None:
    """Shows that a trial is at work, to whoever cannot see its process."""
    while True:
        path.touch()
        time.sleep(BEAT_SECONDS)


def _load(job: str) -> Job:
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel(logging.INFO)
    if keras.backend.backend() == "torch" and hasattr(os, "sched_getaffinity"):
        import torch  # which counts all cores of the machine otherwise

        torch.set_num_threads(len(os.sched_getaffinity(0)))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return read_job(Path(job))
