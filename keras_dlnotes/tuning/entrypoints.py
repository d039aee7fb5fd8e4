"""The entry points of a search's processes: the preflight, the chief and the training of a trial.

The launcher imports this module before it forks, so importing it must not start a framework.
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
from keras_dlnotes.tuning.chief import HEARTBEAT, HEARTBEAT_SECONDS, serve
from keras_dlnotes.tuning.fatal_errors import report_fatal_error
from keras_dlnotes.tuning.folder import (
    FAILED,
    TrialOutcome,
    hyperparameters_of,
    logger,
    read_outcome,
    trial_path,
    write_outcome,
)
from keras_dlnotes.tuning.formats import Deaths
from keras_dlnotes.tuning.hparams import log_trial
from keras_dlnotes.tuning.job import Job, read_job
from keras_dlnotes.tuning.messages import AuthenticationError
from keras_dlnotes.tuning.preflight import RuledOutError, dry_run
from keras_dlnotes.tuning.service import Endpoint, NoChiefError, ask
from keras_dlnotes.tuning.trials import run_trial

TRIAL_ENDED, NOTHING_LEFT, NO_CHIEF, NOT_AUTHENTICATED = 0, 10, 11, 12
IDLE_SECONDS = 0.2
DEATHS = "deaths.json"
MAX_DEATHS = 3


def preflight(job: str, answer: str) -> int:
    """Makes a dry run and writes its result to a file."""
    task = _load(job)
    tempfile.tempdir = str(Path(answer).parent)  # removed even if this process is killed
    try:
        found = dry_run(
            task.recipe,
            task.trial_settings.objective,
            task.oracle["arguments"],
            epochs_are_asked=task.oracle["tuner"] == "hyperband",
            prunes=task.trial_settings.pruning is not None,
        )
    except Exception as error:
        is_argument = isinstance(error, ValueError) and str(error).startswith("Argument")
        if is_argument or isinstance(error, RuledOutError):
            message = str(error)
        else:
            message = "".join(traceback.format_exception_only(error)).strip()
        found = {
            "error": message,
            "is_argument": is_argument,
            "traceback": traceback.format_exc(),
        }
    write_record(Path(answer), found)
    return 0


def chief(
    job: str,
    endpoint: dict[str, str],
    space: dict[str, Any],
    workers: list[str] | None,
    keep_ongoing: bool,
    timeout: float,
) -> int:
    """Serves the search's oracle until the process is killed."""
    serve(_load(job), Endpoint(**endpoint), space, workers, keep_ongoing, timeout)
    return 0


def train(job: str, endpoint: dict[str, str], worker: str, has_died: bool) -> int:
    """Takes a trial, trains it to its end and reports it."""
    try:
        return _train(_load(job), Endpoint(**endpoint), worker, has_died)
    except NoChiefError as error:
        logger.error("%s", error)
        return NO_CHIEF
    except AuthenticationError as error:
        logger.error("%s", error)
        return NOT_AUTHENTICATED


def _train(job: Job, endpoint: Endpoint, worker: str, has_died: bool) -> int:
    trial = ask(endpoint, call="create_trial", worker=worker)
    while trial["status"] == TrialStatus.IDLE:
        time.sleep(IDLE_SECONDS)
        trial = ask(endpoint, call="create_trial", worker=worker)
    if trial["status"] == TrialStatus.STOPPED:
        return NOTHING_LEFT
    trial_id = trial["trial"]
    path = trial_path(job.folder, trial_id)
    threading.Thread(target=_send_heartbeats, args=(path / HEARTBEAT,), daemon=True).start()
    if read_outcome(job.folder, trial_id, job.objective.name, read_or_quarantine) is None:
        hp = hyperparameters_of(trial["hyperparameters"])
        outcome = _outcome_of_kills(path, hp) if has_died else None
        if outcome is None:
            try:
                outcome = run_trial(job.recipe, hp, job.trial_settings, job.folder, trial_id)
            except FatalError:
                report_fatal_error(path)
                return TRIAL_ENDED
        log_trial(job.folder, trial_id, job.trial_settings.executions, outcome)
        write_outcome(job.folder, trial_id, outcome)
        logger.info("Trial %s has ended: %s", trial_id, outcome.status)
    ask(endpoint, call="end_trial", trial=trial_id)
    return TRIAL_ENDED


def _outcome_of_kills(path: Path, hp: keras_tuner.HyperParameters) -> TrialOutcome | None:
    """Gives up a trial whose process was repeatedly killed without finishing an epoch."""
    epochs = sorted(
        str(state.stat().st_mtime_ns) for state in path.glob("*/checkpoints/state.json")
    )
    earlier = read_or_quarantine(path / DEATHS, Deaths) or {}
    deaths = 1 + (earlier["deaths"] if earlier.get("epochs") == epochs else 0)
    write_record(path / DEATHS, {"epochs": epochs, "deaths": deaths})
    if deaths < MAX_DEATHS:
        return None
    message = (
        f"The trial's process was killed {deaths} times without finishing an epoch; the usual "
        "reason is that the machine ran out of memory."
    )
    return TrialOutcome(FAILED, hp.get_config(), message=message)


def _send_heartbeats(path: Path) -> None:
    """Shows a chief on another machine that the trial is being trained."""
    while True:
        path.touch()
        time.sleep(HEARTBEAT_SECONDS)


def _load(job: str) -> Job:
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel(logging.INFO)
    if keras.backend.backend() == "torch" and hasattr(os, "sched_getaffinity"):
        import torch  # which would use all cores of the machine

        torch.set_num_threads(len(os.sched_getaffinity(0)))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return read_job(Path(job))
