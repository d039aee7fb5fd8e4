"""The folder of a search: the names of its files, and the outcome of each trial."""

import contextlib
import copy
import itertools
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import filelock
import keras_tuner

from keras_dlnotes.common.printable import get_logger
from keras_dlnotes.runs.folder import RunFolder
from keras_dlnotes.runs.records import CorruptRecordError, quarantine, read_record, write_record
from keras_dlnotes.runs.schema import Count, Seconds
from keras_dlnotes.tuning.consistency import fault_in_search, fault_in_space
from keras_dlnotes.tuning.formats import SearchRecord, Space
from keras_dlnotes.tuning.secret import SECRET

SETTINGS = "search.json"
ORACLE = "oracle.json"
SPARE = "oracle-spare.json"
TRIAL = "trial.json"
OUTCOME = "ending.json"  # the name on disk is that of the first version
RESULTS = "results.csv"
STORAGE = "storage"  # of a search on Ray, unless it has another one
MAX_DIGITS = 18  # of a trial's name
Status = Literal["COMPLETED", "FAILED", "OUT_OF_MEMORY"]
COMPLETED, FAILED, OUT_OF_MEMORY = get_args(Status)

logger = get_logger("keras_dlnotes.tuning")


class SearchFolder(RunFolder):
    """A folder for one search, locked by one process at a time."""

    kind = "search"
    settings_file = SETTINGS
    record = SearchRecord
    files = (ORACLE, SPARE, RESULTS)
    changeable = "max_trials"

    @property
    def _named(self) -> Path:
        return self.path.absolute()  # as its processes know it

    def has_results(self) -> bool:
        """Returns whether the table of results exists."""
        return (self.path / RESULTS).is_file()

    def remove_results(self) -> None:
        """Removes the files that can be regenerated from the trials."""
        for path in self.path.glob("results.*"):
            path.unlink()

    def _read_settings(self) -> dict[str, Any]:
        """Returns the settings; corrupt ones are quarantined, since the trials are worth more."""
        try:
            return super()._read_settings()
        except CorruptRecordError as error:
            quarantine(self.path / SETTINGS, error)
            return {}

    def _fault(self, record: SearchRecord) -> str | None:
        return fault_in_search(record)

    def _continue(self, earlier: dict[str, Any]) -> None:
        if earlier:
            super()._continue(earlier)
            return
        self.resumed = True
        for name, value in self._defaults.items():
            if self.settings.get(name) is None:
                self.settings[name] = value

    def _remove_run(self) -> None:
        self.remove_results()
        for pattern in ("trial_*", "events.out.*", "oracle*.json*", "*.log", SECRET, STORAGE):
            for path in self.path.glob(pattern):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


@dataclass
class TrialOutcome:
    """The outcome of a trial, written once, when it ends.

    Attributes:
        status: COMPLETED, FAILED or OUT_OF_MEMORY.
        hyperparameters: space and values, as `HyperParameters.get_config` returns them.
        metrics: of each execution's best epoch, averaged over the executions.
        step: the first execution's best epoch, from 0.
        message: the traceback of a failed trial, or why it was pruned.
        seconds: of training.
        pruned: whether it ended since others were better, with the epochs that it had.
    """

    status: Status
    hyperparameters: Space
    metrics: dict[str, float] = field(default_factory=dict)
    step: Count = 0
    message: str | None = None
    seconds: Seconds = 0.0
    pruned: bool = False

    later = ("pruned",)


def host_name() -> str:
    """Returns this machine's name, without the characters that a worker's name must not have."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", platform.node())[:64].lstrip("._-") or "host"


@contextlib.contextmanager
def free_names(folder: Path, host: str, count: int) -> Iterator[list[str]]:
    """Reserves names for a machine's workers that no other process of it uses.

    The chief returns an unfinished trial to the worker of the same name: a worker that is restarted
    takes the first free name, which is that of the worker that has died.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     with free_names(folder, "node", 2) as first, free_names(folder, "node", 1) as second:
    ...         print(first, second)
    ['node-0', 'node-1'] ['node-2']
    """
    found = []
    with contextlib.ExitStack() as held:
        for number in itertools.count():
            name = f"{host}-{number}"
            with contextlib.suppress(filelock.Timeout):
                held.enter_context(filelock.FileLock(folder / f".{name}-lock", timeout=0))
                found.append(name)
            if len(found) == count:
                break
        yield found


def is_trial_id(name: str) -> bool:
    """Returns whether a name is one that KerasTuner gives a trial.

    >>> is_trial_id("07"), is_trial_id("0/../../other")
    (True, False)
    """
    return name.isascii() and name.isdecimal() and len(name) <= MAX_DIGITS


def trial_path(folder: Path, trial_id: str) -> Path:
    """Returns a trial's folder, which KerasTuner names."""
    if not is_trial_id(trial_id):
        raise ValueError(f"A trial's name must be a number. Received: {trial_id!r:.80}")
    return folder / f"trial_{trial_id}"


def execution_path(folder: Path, trial_id: str, execution: int) -> Path:
    """Returns the run folder of one training of a trial."""
    return trial_path(folder, trial_id) / f"execution_{execution}"


def trial_ids(folder: Path) -> list[str]:
    """Returns the trials that have a folder, in numerical order."""
    names = [path.name.removeprefix("trial_") for path in folder.glob("trial_*")]
    return sorted((name for name in names if is_trial_id(name)), key=int)


def write_outcome(folder: Path, trial_id: str, outcome: TrialOutcome) -> None:
    """Records the outcome of a trial, which ends it."""
    write_record(trial_path(folder, trial_id) / OUTCOME, asdict(outcome))


def read_outcome(
    folder: Path, trial_id: str, objective: str, read: Callable[..., Any] = read_record
) -> TrialOutcome | None:
    """Returns the outcome of a trial; None if it has not ended.

    Args:
        folder: of the search.
        trial_id: of the trial.
        objective: a metric that a completed trial must have.
        read: how to read the record; `read_or_quarantine` quarantines a corrupt one.
    """

    def fault(outcome: TrialOutcome) -> str | None:
        if outcome.status != COMPLETED and not outcome.message:
            return f"it is {outcome.status}, but has no `message`"
        if outcome.status == COMPLETED and objective not in outcome.metrics:
            return f"it is COMPLETED, but `metrics` lacks {objective}"
        if outcome.pruned and (outcome.status != COMPLETED or not outcome.message):
            return f"it is pruned, but {outcome.status} or without a `message`"
        return fault_in_space(outcome.hyperparameters)

    return read(trial_path(folder, trial_id) / OUTCOME, TrialOutcome, fault)


def hyperparameters_of(
    config: Mapping[str, Any], kind: type[keras_tuner.HyperParameters] = keras_tuner.HyperParameters
) -> keras_tuner.HyperParameters:
    """Returns the hyperparameters of a configuration, which `from_config` itself would modify."""
    return kind.from_config(copy.deepcopy(config))


def default_values(
    space: keras_tuner.HyperParameters, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns a configuration: what is given, and the defaults of all else that is active.

    >>> hp = keras_tuner.HyperParameters()
    >>> if hp.Boolean("hidden", default=True):
    ...     with hp.conditional_scope("hidden", [True]):
    ...         _ = hp.Choice("units", [32, 64], default=64)
    >>> default_values(hp), default_values(hp, {"hidden": False})
    ({'hidden': True, 'units': 64}, {'hidden': False})
    """
    found = space.copy()
    found.values = {}
    for hp in found.space:  # a condition precedes the entries that depend on it
        if found.is_active(hp):
            found.values[hp.name] = (given or {}).get(hp.name, hp.default)
    return found.values
