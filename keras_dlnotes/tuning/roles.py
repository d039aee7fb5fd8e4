"""What each process of a search does: look whether it can work, be the chief, train a trial.

The launcher imports this module, and forks; so nothing here may start a framework on import.
"""

import logging
import os
import pickle
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import filelock
import grpc
import keras
import keras_tuner
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.errors import FatalError

from keras_dlnotes.training.records import read_own_record, write_record
from keras_dlnotes.tuning import preflight
from keras_dlnotes.tuning.contradictions import fault_in_trial
from keras_dlnotes.tuning.fatal import tell_fatal
from keras_dlnotes.tuning.folder import (
    FAILED,
    TRIAL,
    Ending,
    hyperparameters_of,
    logger,
    read_ending,
    trial_path,
    write_ending,
)
from keras_dlnotes.tuning.formats import Deaths, TrialState
from keras_dlnotes.tuning.hparams import log_trial
from keras_dlnotes.tuning.oracles import make_oracle
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.records import read_or_warn
from keras_dlnotes.tuning.service import Endpoint, chief_answers, chief_of
from keras_dlnotes.tuning.trials import Conditions, run_trial

TRIAL_ENDED, NOTHING_LEFT, NO_CHIEF = 0, 10, 11
IDLE_SECONDS = 0.2
CHIEF_SECONDS = 300.0  # that a worker waits for a chief that is being started
CHIEF_LOCK = ".chief-lock"
DEATHS = "deaths.json"
MOST_DEATHS = 3
BEATS = "alive"
BEAT_SECONDS = 5.0


@dataclass(frozen=True)
class Job:
    """All that a process of a search has to know.

    Attributes:
        recipe: what to train.
        conditions: what all trials have in common.
        folder: of the search.
        oracle: arguments of `make_oracle`.
    """

    recipe: Recipe
    conditions: Conditions
    folder: Path
    oracle: dict[str, Any]


def look_ahead(job: str, answer: str) -> int:
    """Runs the preflight and leaves its answer in a file."""
    task = _load(job)
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


def be_chief(job: str, space: dict[str, Any], keep_ongoing: bool, silence: float) -> int:
    """Serves the search's oracle until every trial has ended, or until it is ended."""
    task = _load(job)
    with filelock.FileLock(task.folder / CHIEF_LOCK, timeout=30):
        oracle = make_oracle(
            objective=task.conditions.objective,
            space=hyperparameters_of(space),
            epochs=task.recipe.epochs,
            seed=task.conditions.seed,
            folder=task.folder,
            **task.oracle,
        )
        oracle.keep_ongoing = keep_ongoing
        chief = Endpoint(oracle, task.folder)
        oracle.reload()
        if silence:
            threading.Thread(target=_release_silent, args=(oracle, silence), daemon=True).start()
        chief.search()
    return 0


def train(job: str, tuner_id: str, has_died: bool) -> int:
    """Takes a trial, trains it to its end and reports it."""
    task = _load(job)
    if not chief_answers(CHIEF_SECONDS):
        return NO_CHIEF
    oracle = chief_of(task.conditions.objective, task.folder)
    trial = _ask(lambda: oracle.create_trial(tuner_id))
    while trial.status == TrialStatus.IDLE:
        time.sleep(IDLE_SECONDS)
        trial = _ask(lambda: oracle.create_trial(tuner_id))
    if trial.status == TrialStatus.STOPPED:
        return NOTHING_LEFT
    path = trial_path(task.folder, trial.trial_id)
    threading.Thread(target=_beat, args=(path / BEATS,), daemon=True).start()
    objective = task.conditions.objective.name
    if read_ending(task.folder, trial.trial_id, objective, read_own_record) is None:
        # What comes over the wire is rounded to single precision; the file is not.
        check = partial(fault_in_trial, trial_id=trial.trial_id, objective=objective)
        exact = read_or_warn(path / TRIAL, TrialState, check)
        hp = trial.hyperparameters
        if exact is not None:
            hp = hyperparameters_of(exact["hyperparameters"])
        ending = _fate(path, hp) if has_died else None
        if ending is None:
            splits = task.recipe.load()
            try:
                ending = run_trial(
                    task.recipe, splits, hp, task.conditions, task.folder, trial.trial_id
                )
            except FatalError:
                tell_fatal(path)
                return TRIAL_ENDED
        log_trial(task.folder, trial.trial_id, task.conditions.executions, ending)
        write_ending(task.folder, trial.trial_id, ending)
        logger.info("Trial %s has ended: %s", trial.trial_id, ending.status)
    _ask(lambda: oracle.end_trial(trial))
    return TRIAL_ENDED


def _fate(path: Path, hp: keras_tuner.HyperParameters) -> Ending | None:
    """Gives up a trial whose process was killed again and again without finishing an epoch."""
    epochs = sorted(
        str(state.stat().st_mtime_ns) for state in path.glob("*/checkpoints/state.json")
    )
    earlier = read_own_record(path / DEATHS, Deaths) or {}
    deaths = 1 + (earlier["deaths"] if earlier.get("epochs") == epochs else 0)
    write_record(path / DEATHS, {"epochs": epochs, "deaths": deaths})
    if deaths < MOST_DEATHS:
        return None
    message = (
        f"The trial's process was killed {deaths} times without finishing an epoch; the usual "
        "reason is that the machine has no memory left for it."
    )
    return Ending(FAILED, hp.get_config(), message=message)


def _ask(question: Any) -> Any:
    """Asks the chief; one that is being started anew has a while to come back."""
    deadline = time.monotonic() + CHIEF_SECONDS
    while True:
        try:
            return question()
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
        time.sleep(IDLE_SECONDS)


def _beat(path: Path) -> None:
    """Shows that a trial is at work, to whoever cannot see its process."""
    while True:
        path.touch()
        time.sleep(BEAT_SECONDS)


def _release_silent(oracle: Any, silence: float) -> None:
    """Frees the trials of workers that have not shown themselves for so many seconds."""
    seen: dict[str, tuple[Any, float]] = {}
    while True:
        for tuner_id, trial in list(oracle.ongoing_trials.items()):
            path = trial_path(oracle.folder, trial.trial_id) / BEATS
            beat = trial.trial_id, path.stat().st_mtime_ns if path.exists() else 0
            last, since = seen.get(tuner_id, (None, 0.0))
            if beat != last:
                seen[tuner_id] = beat, time.monotonic()
            elif time.monotonic() - since > silence:
                oracle.release(tuner_id)
        time.sleep(BEAT_SECONDS)


def _load(job: str) -> Job:
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel(logging.INFO)
    if keras.backend.backend() == "torch" and hasattr(os, "sched_getaffinity"):
        import torch  # which counts all cores of the machine otherwise

        torch.set_num_threads(len(os.sched_getaffinity(0)))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return pickle.loads(Path(job).read_bytes())
