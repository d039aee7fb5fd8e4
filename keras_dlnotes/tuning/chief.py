"""The chief of a search: hands out trials to the workers and records their outcomes.

Only one thread uses the oracle, and any exception in it ends the process: the next chief resumes
from the search's folder.
"""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock

from keras_dlnotes.tuning.folder import is_trial_id, trial_path
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.service import Endpoint, Service

CHIEF_LOCK = ".chief-lock"
LOCK_SECONDS = 30.0  # for which a killed chief may still hold the lock
HEARTBEAT = "alive"
HEARTBEAT_SECONDS = 5.0
WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def serve(
    job: Job,
    endpoint: Endpoint,
    space: dict[str, Any],
    workers: Sequence[str] | None,
    keep_ongoing: bool,
    timeout: float,
) -> None:
    """Serves a search's oracle until the process is killed.

    Args:
        job: of the search.
        endpoint: where to listen.
        space: the configuration of the hyperparameters.
        workers: the names of all workers; None to accept any worker.
        keep_ongoing: whether the workers of an earlier chief are still training their trials.
        timeout: seconds without a heartbeat after which a worker loses its trial; 0 for never.
    """
    with filelock.FileLock(job.folder / CHIEF_LOCK, timeout=LOCK_SECONDS):
        oracle = job.make_oracle(space, job.trial_settings.seed)
        oracle.keep_ongoing = keep_ongoing
        oracle.reload()
        service = Service(endpoint)
        lost = LostWorkers(oracle, timeout)
        while True:
            service.answer(lambda question: respond(oracle, workers, question), HEARTBEAT_SECONDS)
            if timeout:
                lost.release()


def respond(oracle: Any, workers: Sequence[str] | None, question: Any) -> dict[str, Any]:
    """Returns the answer to a request, or the reason for its refusal."""
    match question:
        case {"call": "create_trial", "worker": str(worker)} if _is_known(worker, workers):
            trial = oracle.create_trial(worker)
            return {
                "status": trial.status,
                "trial": trial.trial_id,
                "hyperparameters": trial.hyperparameters.get_config(),
            }
        case {"call": "end_trial", "trial": str(trial)} if is_trial_id(trial):
            if trial not in oracle.trials:
                return {"refused": f"There is no trial {trial}."}
            oracle.end_trial(oracle.trials[trial])
            return {}
    return {"refused": "The request is not part of this search's protocol."}


def _is_known(worker: str, workers: Sequence[str] | None) -> bool:
    return worker in workers if workers is not None else bool(WORKER.fullmatch(worker))


class LostWorkers:
    """Releases the trials of workers whose heartbeats have stopped for `timeout` seconds."""

    def __init__(self, oracle: Any, timeout: float):
        self._oracle = oracle
        self._timeout = timeout
        self._seen: dict[str, tuple[Any, float]] = {}
        self._checked = -HEARTBEAT_SECONDS

    def release(self) -> None:
        """Checks the heartbeats, unless they were checked a moment ago."""
        now = time.monotonic()
        if now - self._checked < HEARTBEAT_SECONDS:
            return
        self._checked = now
        for worker, trial in list(self._oracle.ongoing_trials.items()):
            path = trial_path(self._oracle.folder, trial.trial_id) / HEARTBEAT
            beat = trial.trial_id, _last_change(path)
            last, since = self._seen.get(worker, (None, 0.0))
            if beat != last:
                self._seen[worker] = beat, now
            elif now - since > self._timeout:
                self._oracle.release(worker)


def _last_change(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
