"""The run folder: its lock, its settings and its contents."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypedDict

import filelock

from keras_dlnotes.common import checks
from keras_dlnotes.common.files import PARTIAL, remove_partial
from keras_dlnotes.runs.records import RunFolderError, corrupt, read_record, write_record

LOCK = ".lock"
CHECKPOINTS = "checkpoints"
LOGS = "logs"
VARIANTS = "variants"
HISTORY = "history.csv"
MODEL = "model.keras"
METRICS = "metrics.json"
REPORT = "report.html"
RESULTS = (MODEL, METRICS, REPORT)


class Settings(TypedDict):
    """The content of the settings file."""

    format: str
    settings: dict[str, Any]


class RunFolder:
    """A folder for one run, locked by one process at a time.

    Use it in a `with` block, which locks the folder (the operating system releases the lock when
    the process ends, however it ends) and resolves the settings; `begin` makes it a run folder.
    Subclasses for other kinds of folders set the class attributes.

    Args:
        path: the folder; created if missing.
        settings: what a run depends on, name → JSON value. For None, a resumed run keeps its own
            value and a new one takes that of `defaults`.
        defaults: a value for each setting that may be None.
        resume: continue the run in the folder, or start one if there is none.
        overwrite: remove the run in the folder first; files that no run writes stay.
        wait: seconds to wait for another process that uses the folder.

    Attributes:
        path: the folder.
        settings: the settings of the run, none of them None.
        resumed: whether the folder held a run that continues.

    Raises:
        ValueError: for an invalid argument.
        RunFolderError: on entering the block, or if a file in the folder can't be read or written
            inside it; the message says why.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with RunFolder(f"{parent}/run", {"seed": None}, {"seed": 0}) as folder:
    ...         folder.begin()
    ...     with RunFolder(f"{parent}/run", {"seed": 1}, resume=True):
    ...         pass
    Traceback (most recent call last):
    ...
    keras_dlnotes.runs.records.RunFolderError: The run in .../run has seed=0, not seed=1. ...
    """

    kind = "run"
    settings_file = "run.json"
    record: Any = Settings
    files: tuple[str, ...] = (HISTORY, *RESULTS)
    changeable = "epochs"

    def __init__(
        self,
        path: str | Path,
        settings: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        *,
        resume: bool = False,
        overwrite: bool = False,
        wait: float = 0.0,
    ):
        self.path = checks.path("path", path)
        self.settings = _json_values("settings", settings)
        self.resumed = False
        self._defaults = {} if defaults is None else _json_values("defaults", defaults)
        self._resume = checks.flag("resume", resume)
        self._overwrite = checks.flag("overwrite", overwrite)
        if resume and overwrite:
            raise ValueError("Arguments `resume` and `overwrite` exclude each other.")
        # a negative timeout would wait forever
        self._lock = filelock.FileLock(self.path / LOCK, timeout=checks.number("wait", wait, 0))

    def __enter__(self) -> Self:
        self._check_name()
        try:
            self._check_contents()
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            try:
                self._settle()
            except BaseException:
                self._lock.release()
                raise
        except filelock.Timeout:
            raise RunFolderError(f"Another process is at work in {self.path}.") from None
        except RunFolderError:  # some are `OSError`s too
            raise
        except OSError as error:
            raise RunFolderError(
                f"Folder {self.path} can't be used: {error.strerror or error}."
            ) from error
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._lock.release()
        if isinstance(error, OSError) and self._is_inside(error.filename):
            reason = error.strerror or str(error)
            raise RunFolderError(
                f"Folder {self.path} can't be used: {error.filename}: {reason}."
            ) from error

    def _is_inside(self, file: Any) -> bool:
        return isinstance(file, str | Path) and Path(file).absolute().is_relative_to(
            self.path.absolute()
        )

    def begin(self) -> None:
        """Writes the settings: from now on the folder is occupied and can be resumed."""
        content = {"format": self._format, "settings": self.settings}
        write_record(self.path / self.settings_file, content)

    @property
    def is_locked(self) -> bool:
        """Whether this process has locked the folder."""
        return self._lock.is_locked

    def has_results(self) -> bool:
        """Returns whether all result files of a finished run exist."""
        return all((self.path / name).is_file() for name in RESULTS)

    def remove_results(self) -> None:
        """Removes the result files of a finished run that is about to continue."""
        for name in RESULTS:
            (self.path / name).unlink(missing_ok=True)

    @property
    def _format(self) -> str:
        return f"keras_dlnotes {self.kind} 1"

    @property
    def _named(self) -> Path:
        return self.path

    def _check_name(self) -> None:
        """Refuses a name that TensorFlow can't open."""
        try:
            str(self._named).encode()
        except UnicodeEncodeError as error:
            readable = str(self._named).encode(errors="backslashreplace").decode()
            raise RunFolderError(
                f"Folder {readable} can't be used: TensorBoard's logs need a name in UTF-8."
            ) from error

    def _check_contents(self) -> None:
        for name in (self.settings_file, *self.files):
            if (self.path / name).is_dir():
                raise RunFolderError(f"{self.path / name} is a folder, where a file is expected.")
        if (self.path / self.settings_file).exists() or not self.path.exists():
            return
        foreign = {entry.name for entry in self.path.iterdir()} - {
            LOCK,
            PARTIAL + self.settings_file,
        }
        if foreign:
            raise RunFolderError(
                f"Folder {self.path} isn't empty and holds no {self.kind}. Choose another one."
            )

    def _settle(self) -> None:
        if (self.path / self.settings_file).exists():
            earlier = self._read_settings()
            remove_partial(self.path)
            if self._overwrite:
                self._remove_run()
            elif self._resume:
                self._continue(earlier)
                return
            else:
                raise RunFolderError(
                    f"Folder {self.path} already holds a {self.kind}. Go on with it (--resume, "
                    "resume=True) or replace it (--overwrite, overwrite=True)."
                )
        for name, value in self._defaults.items():
            if self.settings.get(name) is None:
                self.settings[name] = value

    def _continue(self, earlier: dict[str, Any]) -> None:
        for name, value in self.settings.items():
            if name != self.changeable and value is not None and value != earlier.get(name):
                raise RunFolderError(
                    f"The {self.kind} in {self.path} has {name}={earlier.get(name)}, not "
                    f"{name}={value}. A resumed {self.kind} keeps its settings; only "
                    f"{self.changeable} may change."
                )
        changed = self.settings.get(self.changeable)
        asked = {name for name in self.settings if name != self.changeable or changed is None}
        if missing := sorted(asked - earlier.keys()):
            fault = f"`settings` lacks {', '.join(missing)}"
            raise corrupt(self.path / self.settings_file, fault)
        self.settings = earlier
        if changed is not None:
            self.settings[self.changeable] = changed
        self.resumed = True

    def _read_settings(self) -> dict[str, Any]:
        path = self.path / self.settings_file
        found = read_record(path, self.record, self._fault)
        if found is None:  # removed since
            raise RunFolderError(f"Settings file {path} is missing.")
        if found["format"] != self._format:
            raise RunFolderError(
                f"Settings file {path} is not of a {self.kind} that this version knows: its format "
                f"is {found['format']!r}, not {self._format!r}. Choose another folder."
            )
        return found["settings"]

    def _fault(self, record: Any) -> str | None:
        """Returns what is wrong with a record that fits the schema."""

    def _remove_run(self) -> None:
        """Removes what a run writes, by name; the settings stay until new ones replace them."""
        self.remove_results()
        (self.path / HISTORY).unlink(missing_ok=True)
        for name in (LOGS, CHECKPOINTS, VARIANTS):
            entry = self.path / name
            if entry.is_symlink():
                entry.unlink()
            elif entry.exists():
                shutil.rmtree(entry)


def check_locked(folder: Any) -> None:
    """Raises a ValueError unless the argument `folder` is a run folder locked by this process."""
    if not isinstance(folder, RunFolder) or not folder.is_locked:
        raise checks.argument_error("folder", "a RunFolder inside its `with` block", folder)


def _json_values(name: str, values: Any) -> dict[str, Any]:
    """Returns a dict whose values survive a round trip through JSON unchanged."""
    found = dict(checks.mapping(name, values))
    try:
        same = json.loads(json.dumps(found)) == found
    except (TypeError, ValueError):
        same = False
    if not same:
        raise checks.argument_error(name, "a mapping from texts to JSON values", values)
    return found
