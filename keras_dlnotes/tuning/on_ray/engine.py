"""A search whose trials are tasks of Ray: the oracle and the search's folder are here alone.

Ray would run the task of a lost worker again, but with the arguments of the first one, so that the
two could not be told apart. So a trial that is lost is given to a new attempt here.
"""

import hashlib
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import filelock
import keras
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_dlnotes.common.files import write_text
from keras_dlnotes.common.paths import module_search_path
from keras_dlnotes.runs.checkpoints import read_state
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.runs.records import read_or_quarantine
from keras_dlnotes.tuning.chief import CHIEF_LOCK, HEARTBEAT, LOCK_SECONDS
from keras_dlnotes.tuning.entrypoints import MAX_DEATHS
from keras_dlnotes.tuning.fatal_errors import FATAL
from keras_dlnotes.tuning.folder import (
    FAILED,
    OUT_OF_MEMORY,
    STORAGE,
    TrialOutcome,
    logger,
    read_outcome,
    trial_path,
    write_outcome,
)
from keras_dlnotes.tuning.hparams import log_trial
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.on_ray.attempt import Attempt, FatalReport, train
from keras_dlnotes.tuning.on_ray.connection import connected
from keras_dlnotes.tuning.on_ray.curves import PublishedCurves
from keras_dlnotes.tuning.on_ray.folders import RUNS, read_files, write_files
from keras_dlnotes.tuning.on_ray.snapshots import Snapshots, TrialStorage
from keras_dlnotes.tuning.pruner import curves_in
from keras_dlnotes.tuning.ray_cluster import RayCluster
from keras_dlnotes.tuning.records import read_or_warn
from keras_dlnotes.tuning.supervisor import SearchError

TICK_SECONDS = 0.2
MIRROR_SECONDS = 1.0


@dataclass
class Running:
    """A trial that an attempt is training."""

    trial: Trial
    storage: TrialStorage
    snapshots: Snapshots
    losses: int = 0
    epochs: int = 0
    copied: Mapping[str, bytes] | None = None


class RayEngine:
    """Runs a search's oracle here, and its trials on Ray.

    Args:
        job: of the search.
        space: the configuration of the hyperparameters.
        workers: the names of the trials that run at a time.
        cluster: how to use Ray.
    """

    def __init__(
        self, job: Job, space: Mapping[str, Any], workers: Sequence[str], cluster: RayCluster
    ):
        self._job = job
        self._space = space
        self._workers = list(workers)
        self._cluster = cluster
        self._url = str(job.folder / STORAGE)
        if cluster.storage is not None:  # which other searches may use, too
            self._url = f"{cluster.storage.rstrip('/')}/{name_on_storage(job.folder)}"
        self._curves = None
        if job.trial_settings.pruning is not None:
            self._curves = PublishedCurves(self._url, curves_in(job.folder, job.objective.name))
        self._running: dict[Any, Running] = {}  # by Ray's reference to the task's result
        self._mirrored = 0.0

    def run(self, tick: Callable[[], Any]) -> None:
        """Runs until every trial has ended; calls `tick` several times a second.

        An exception of `tick` ends the search.
        """
        with (
            filelock.FileLock(self._job.folder / CHIEF_LOCK, timeout=LOCK_SECONDS),
            self._connected() as ray,
        ):
            self._ray = ray
            self._check_room()
            self._oracle = self._job.make_oracle(self._space, self._job.trial_settings.seed)
            self._oracle.reload()
            self._job_reference = ray.put(cloudpickle.dumps(self._job))
            options = {
                "num_cpus": self._cluster.num_cpus,
                "num_gpus": self._cluster.num_gpus,
                "max_calls": 1,  # a process for each, so that memory stays bounded
                "max_retries": 0,
                "runtime_env": {"env_vars": _variables()},
            }
            self._task = ray.remote(**options)(train)
            try:
                while self._start_missing() or self._running:
                    ended = []
                    if self._running:
                        ended, _ = ray.wait(list(self._running), timeout=TICK_SECONDS)
                    else:
                        time.sleep(TICK_SECONDS)
                    for reference in ended:
                        self._end(reference)
                    self._mirror()
                    tick()
            finally:
                for reference in self._running:
                    ray.cancel(reference, force=True)
                if self._curves is not None:
                    self._curves.remove()

    def _connected(self) -> AbstractContextManager[Any]:
        cpus = math.ceil(len(self._workers) * self._cluster.num_cpus)
        return connected(self._cluster.address, cpus)

    def _check_room(self) -> None:
        """Warns if no machine has room for a trial: Ray would wait for one without a word."""
        asked = {"CPU": self._cluster.num_cpus, "GPU": self._cluster.num_gpus}
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(
            all(machine.get(kind, 0) >= count for kind, count in asked.items())
            for machine in machines
        ):
            logger.warning(
                "No machine has num_cpus=%g and num_gpus=%g: trials wait until one joins.",
                *asked.values(),
            )

    def _start_missing(self) -> bool:
        """Gives free workers a trial; returns whether a trial may be left for one of them."""
        busy = set(self._oracle.ongoing_trials)
        is_left = False
        for worker in self._workers:
            if worker in busy:
                continue
            trial = self._oracle.create_trial(worker)
            if trial.status == TrialStatus.RUNNING:
                self._begin(trial)
            is_left |= trial.status != TrialStatus.STOPPED
        return is_left

    def _begin(self, trial: Trial) -> None:
        if self._outcome_of(trial) is not None:  # this process was killed before the oracle knew
            self._oracle.end_trial(trial)
            return
        self._start(trial, TrialStorage(self._url, trial.trial_id))

    def _start(self, trial: Trial, storage: TrialStorage, losses: int = 0) -> None:
        """Starts an attempt, from what the search's folder holds."""
        hp = trial.hyperparameters
        needed = [trial.trial_id, *filter(None, [hp.values.get("tuner/trial_id")])]
        name = storage.begin(read_files(self._job.folder, needed))
        attempt = Attempt(trial.trial_id, hp.get_config(), self._url, storage.name, name)
        running = Running(trial, storage, attempt.snapshots(), losses, self._epochs_of(trial))
        self._publish_curves()
        self._running[self._task.remote(self._job_reference, attempt)] = running

    def _mirror(self) -> None:
        """Brings the search's folder up to the attempts' last snapshots."""
        now = time.monotonic()
        if now - self._mirrored >= MIRROR_SECONDS:
            self._mirrored = now
            for running in self._running.values():
                self._copy(running)
                (trial_path(self._job.folder, running.trial.trial_id) / HEARTBEAT).touch()
            self._publish_curves()

    def _publish_curves(self) -> None:
        """Tells the attempts how far all trials are, if that decides which of them end early."""
        if self._curves is not None:
            self._curves.publish()

    def _copy(self, running: Running) -> None:
        try:
            files = running.snapshots.read()
        except OSError:  # storage that is out of reach for a while
            logger.warning("No snapshot of trial %s can be read.", running.trial.trial_id)
        else:
            self._write(running, files)

    def _write(self, running: Running, files: Mapping[str, bytes]) -> None:
        if files is not running.copied:  # a snapshot that was read before is the same object
            write_files(self._job.folder, files)
            running.copied = files

    def _end(self, reference: Any) -> None:
        running = self._running.pop(reference)
        trial = running.trial
        exceptions = self._ray.exceptions
        try:
            found = self._ray.get(reference)
        except (exceptions.RayTaskError, exceptions.RuntimeEnvSetupError) as error:
            self._copy(running)
            cause = getattr(error, "cause", error)
            raise SearchError(
                f"Trial {trial.trial_id} cannot be trained: {cause!r}", str(error)
            ) from error
        except exceptions.RayError as error:  # its process or machine was lost
            self._copy(running)
            self._count_loss(running, error)
            return
        try:
            files = running.snapshots.read()
        except OSError as error:
            raise SearchError(f"The storage {self._url} can't be read: {error}") from error
        self._write(running, files)
        if isinstance(found, FatalReport):
            write_text(trial_path(self._job.folder, trial.trial_id) / FATAL, found.message)
            return
        self._finish(running, found)

    def _count_loss(self, running: Running, error: Exception) -> None:
        """Gives a lost trial to a new attempt, unless it is lost again and again."""
        trial = running.trial
        gained = self._epochs_of(trial) > running.epochs
        losses = 1 if gained else running.losses + 1
        reason, *_ = [*str(error).splitlines(), type(error).__name__]
        logger.warning("Trial %s was lost: %s", trial.trial_id, reason)
        if losses < MAX_DEATHS:
            self._start(trial, running.storage, losses)
            return
        message = (
            f"The trial's process was lost {losses} times without finishing an epoch; the usual "
            f"reason is that the machine ran out of memory. {error}"
        )
        is_memory = isinstance(error, self._ray.exceptions.OutOfMemoryError)
        status = OUT_OF_MEMORY if is_memory else FAILED
        config = trial.hyperparameters.get_config()
        self._finish(running, TrialOutcome(status, config, message=message))

    def _finish(self, running: Running, outcome: TrialOutcome) -> None:
        trial = running.trial
        log_trial(self._job.folder, trial.trial_id, self._job.trial_settings.executions, outcome)
        write_outcome(self._job.folder, trial.trial_id, outcome)
        self._oracle.end_trial(trial)
        running.storage.remove()
        logger.info("Trial %s has ended: %s", trial.trial_id, outcome.status)

    def _outcome_of(self, trial: Trial) -> TrialOutcome | None:
        objective: keras_tuner.Objective = self._job.objective
        return read_outcome(self._job.folder, trial.trial_id, objective.name, read_or_quarantine)

    def _epochs_of(self, trial: Trial) -> int:
        """How many epochs of the trial's runs the search's folder holds."""
        runs = trial_path(self._job.folder, trial.trial_id).glob(RUNS)
        states = [read_state(run / CHECKPOINTS, read_or_warn) for run in runs]
        return sum(state.epoch for state in states if state is not None)


def name_on_storage(folder: Path) -> str:
    """Returns the name of a search's part of a storage: the same whenever it is resumed.

    >>> name_on_storage(Path("/searches/digits"))
    'digits-9d71230a'
    """
    checksum = hashlib.sha256(str(folder).encode()).hexdigest()
    return f"{folder.name}-{checksum[:8]}"


def _variables() -> dict[str, str]:
    """The variables with which a task finds this backend and, on this machine, these modules."""
    return {
        "KERAS_BACKEND": keras.backend.backend(),
        "PYTHONPATH": os.pathsep.join(module_search_path()),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }
