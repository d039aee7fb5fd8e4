"""The chief of a search: hands out its trials to workers, and takes them back as they end.

One thread alone touches the oracle, and what goes wrong in it ends the process: the next chief goes
on from the search's folder.
"""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock

from keras_dlnotes.tuning.folder import hyperparameters_of, is_trial_id, trial_path
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.oracles import make_oracle
from keras_dlnotes.tuning.service import Line, Service

CHIEF_LOCK = ".chief-lock"
LOCK_SECONDS = 30.0  # that a killed predecessor may hold the lock
BEATS = "alive"
BEAT_SECONDS = 5.0
WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def serve(
    job: Job,
    line: Line,
    space: dict[str, Any],
    workers: Sequence[str] | None,
    keep_ongoing: bool,
    silence: float,
) -> None:
    """Serves a search's oracle until it is ended.

    Args:
        job: of the search.
        line: where to listen.
        space: the configuration of the hyperparameters.
        workers: the names of all workers; None where others may come.
        keep_ongoing: whether the workers of an earlier chief are still at their trials.
        silence: seconds without a sign after which a worker loses its trial; 0 for never.
    """
    with filelock.FileLock(job.folder / CHIEF_LOCK, timeout=LOCK_SECONDS):
        oracle = make_oracle(
            objective=job.conditions.objective,
            space=hyperparameters_of(space),
            epochs=job.recipe.epochs,
            seed=job.conditions.seed,
            folder=job.folder,
            **job.oracle,
        )
        oracle.keep_ongoing = keep_ongoing
        oracle.reload()
        service = Service(line)
        silent = SilentWorkers(oracle, silence)
        while True:
            service.answer(lambda question: respond(oracle, workers, question), BEAT_SECONDS)
            if silence:
                silent.release()


def respond(oracle: Any, workers: Sequence[str] | None, question: Any) -> dict[str, Any]:
    """Returns the answer to a question, or why there is none."""
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
    return {"refused": "Nobody of this search asks that."}


def _is_known(worker: str, workers: Sequence[str] | None) -> bool:
    return worker in workers if workers is not None else bool(WORKER.fullmatch(worker))


class SilentWorkers:
    """Frees the trials of workers that have not shown themselves for so many seconds."""

    def __init__(self, oracle: Any, silence: float):
        self._oracle = oracle
        self._silence = silence
        self._seen: dict[str, tuple[Any, float]] = {}
        self._looked = -BEAT_SECONDS

    def release(self) -> None:
        """Looks who has shown himself, unless it has looked just now."""
        now = time.monotonic()
        if now - self._looked < BEAT_SECONDS:
            return
        self._looked = now
        for worker, trial in list(self._oracle.ongoing_trials.items()):
            path = trial_path(self._oracle.folder, trial.trial_id) / BEATS
            beat = trial.trial_id, _last_change(path)
            last, since = self._seen.get(worker, (None, 0.0))
            if beat != last:
                self._seen[worker] = beat, now
            elif now - since > self._silence:
                self._oracle.release(worker)


def _last_change(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
