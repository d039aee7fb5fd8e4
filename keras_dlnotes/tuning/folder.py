"""The folder of a search: what its files are called, and what they say."""

import contextlib
import copy
import itertools
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import filelock
import keras_tuner

from keras_dlnotes.training import RunFolder, RunFolderError, write_json

SETTINGS = "search.json"
ORACLE = "oracle.json"
TRIAL = "trial.json"
ENDING = "ending.json"
RESULTS = "results.csv"
COMPLETED, FAILED, OUT_OF_MEMORY = "COMPLETED", "FAILED", "OUT_OF_MEMORY"

logger = logging.getLogger("keras_dlnotes.tuning")


class SearchFolder(RunFolder):
    """A folder for one search, held by one process at a time."""

    kind = "search"
    settings_file = SETTINGS
    changeable = "max_trials"

    def has_results(self) -> bool:
        """Tells whether the table of results is there."""
        return (self.path / RESULTS).is_file()

    def remove_results(self) -> None:
        """Removes what can be made anew from the trials."""
        for path in self.path.glob("results.*"):
            path.unlink()

    def _read_settings(self) -> dict[str, Any]:
        """A search's trials are worth more than the record of how it was started."""
        try:
            return super()._read_settings()
        except RunFolderError:
            set_aside(self.path / SETTINGS)
            return {}

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
        for pattern in ("trial_*", "events.out.*", "oracle*.json*", "*.log"):
            for path in self.path.glob(pattern):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


@dataclass
class Ending:
    """What came of a trial, written once, in the moment in which it ends.

    Attributes:
        status: COMPLETED, FAILED or OUT_OF_MEMORY.
        hyperparameters: space and values, as `HyperParameters.get_config` gives them.
        metrics: those of each execution's best epoch, averaged over the executions.
        step: the first execution's best epoch, from 0.
        message: the traceback, where the trial has failed.
        seconds: of training.
    """

    status: str
    hyperparameters: dict[str, Any]
    metrics: dict[str, float] = field(default_factory=dict)
    step: int = 0
    message: str | None = None
    seconds: float = 0.0


@contextlib.contextmanager
def free_names(folder: Path, host: str, count: int) -> Iterator[list[str]]:
    """Holds names for workers of a machine that none of its other processes has.

    The chief knows a worker by its name, and gives it the trial that it was at: so one that is
    started again takes the first free name, which is that of the one that died.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with free_names(folder, "node", 2) as first, free_names(folder, "node", 1) as second:
    ...     print(first, second)
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


def trial_path(folder: Path, trial_id: str) -> Path:
    """Returns a trial's own folder, which KerasTuner names."""
    return folder / f"trial_{trial_id}"


def execution_path(folder: Path, trial_id: str, execution: int) -> Path:
    """Returns the run folder of one training of a trial."""
    return trial_path(folder, trial_id) / f"execution_{execution}"


def trial_ids(folder: Path) -> list[str]:
    """Returns the trials that have a folder, in the order of their numbers."""
    names = [path.name.removeprefix("trial_") for path in folder.glob("trial_*")]
    return sorted((name for name in names if name.isdecimal()), key=int)


def write_ending(folder: Path, trial_id: str, ending: Ending) -> None:
    """Records how a trial ended; from here on it has ended."""
    write_json(trial_path(folder, trial_id) / ENDING, asdict(ending))


def read_ending(folder: Path, trial_id: str) -> Ending | None:
    """Returns how a trial ended; None where it has not, or where nobody can tell."""
    content = read_intact(trial_path(folder, trial_id) / ENDING)
    return None if content is None else Ending(**content)


def read_intact(path: Path) -> dict[str, Any] | None:
    """Returns a JSON object; None where there is no file, or where it had to be set aside."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError):
        content = None
    if not isinstance(content, dict):
        set_aside(path)
        return None
    return content


def hyperparameters_of(
    config: dict[str, Any], kind: type[keras_tuner.HyperParameters] = keras_tuner.HyperParameters
) -> keras_tuner.HyperParameters:
    """Returns the hyperparameters of a configuration, which KerasTuner's own way spoils."""
    return kind.from_config(copy.deepcopy(config))


def default_values(space: keras_tuner.HyperParameters) -> dict[str, Any]:
    """Returns the default configuration: what a default makes active has its own default.

    >>> hp = keras_tuner.HyperParameters()
    >>> if hp.Boolean("hidden", default=True):
    ...     with hp.conditional_scope("hidden", [True]):
    ...         _ = hp.Choice("units", [32, 64], default=64)
    >>> default_values(hp)
    {'hidden': True, 'units': 64}
    """
    found = space.copy()
    found.values = {}
    for hp in found.space:  # a condition stands before what depends on it
        if found.is_active(hp):
            found.values[hp.name] = hp.default
    return found.values


def set_aside(path: Path) -> None:
    """Renames what can't be read, for its owner to look at, and says so."""
    place = next(place for place in _corrupt_names(path) if not place.exists())
    path.rename(place)
    logger.warning("%s can't be read; it is now %s", path, place.name)


def _corrupt_names(path: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield path.with_name(f"{path.name}.corrupt-{number}")
        number += 1
