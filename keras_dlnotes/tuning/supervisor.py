"""Keeps the processes of a search running until its last trial has ended."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from keras_dlnotes.common.printable import printable
from keras_dlnotes.runs.records import CorruptRecordError, read_record
from keras_dlnotes.tuning.disk import reason
from keras_dlnotes.tuning.entrypoints import NO_CHIEF, NOT_AUTHENTICATED, NOTHING_LEFT, TRIAL_ENDED
from keras_dlnotes.tuning.folder import ORACLE, logger
from keras_dlnotes.tuning.formats import OracleState
from keras_dlnotes.tuning.job import Job, write_job
from keras_dlnotes.tuning.launcher import Launcher, LauncherError
from keras_dlnotes.tuning.resources import worker_resources
from keras_dlnotes.tuning.scratch import scratch_folder
from keras_dlnotes.tuning.secret import SECRET, SecretError, ensure_secret, read_secret
from keras_dlnotes.tuning.service import Endpoint

TICK_SECONDS = 0.2
MAX_CRASHES = 3  # consecutive ones of a process, without a finished trial between them
CRASH_SECONDS = 60.0  # within which crashes count as consecutive
HEARTBEAT_TIMEOUT = 60.0  # after which a worker on another machine counts as lost
SHUTDOWN_SECONDS = 5.0  # for which a chief tells workers on other machines that no trials are left
LOG_LINES = 15
SOCKET = "chief"
MAX_SOCKET_BYTES = 100  # of the path of a socket: the limit is 103 on macOS, 107 on Linux
SHORT_FOLDER = "/tmp"
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}

_launcher: Launcher | None = None


class SearchError(RuntimeError):
    """A search that cannot continue, or that ended without a completed trial.

    Attributes:
        summary: one line.
        details: output of the processes, such as a trial's traceback.
    """

    def __init__(self, summary: str, details: str = ""):
        self.summary = printable(summary)
        self.details = printable(details, keep="\n\t")
        super().__init__(f"{self.summary}\n\n{self.details}" if details else self.summary)


def launcher() -> Launcher:
    """Returns this process's launcher, which all of its searches share."""
    global _launcher
    if _launcher is not None and not _launcher.is_alive():
        _launcher.close()
        _launcher = None
    if _launcher is None:
        _launcher = Launcher()
    return _launcher


@dataclass
class Slot:
    """A worker, whose successive processes share one name."""

    name: str
    environment: dict[str, str]
    cores: list[int] | None
    number: int | None = None
    crashes: int = 0
    has_died: bool = False
    is_retired: bool = False


class Supervisor:
    """Runs a search's chief and workers.

    Args:
        job: of the search.
        space: the configuration of the hyperparameters; only the chief needs it.
        workers: the names of the workers on this machine.
        address: HOST:PORT of the chief; by default a socket that only this user can access.
        is_chief: whether to run the chief.
    """

    def __init__(
        self,
        job: Job,
        space: Mapping[str, Any] | None,
        workers: Sequence[str],
        address: str | None = None,
        is_chief: bool = True,
    ):
        self._job = job
        self._space = space
        self._is_remote = address is not None
        self._address = address
        self._is_chief = is_chief
        self._keep_ongoing = self._is_remote
        self._chief: int | None = None
        self._chief_crashes: list[float] = []
        self._losses: list[float] = []
        self._slots = [
            Slot(name, *resources)
            for name, resources in zip(workers, worker_resources(len(workers)), strict=True)
        ]

    def run(self, tick: Callable[[], Any]) -> None:
        """Runs until every trial has ended; calls `tick` several times a second.

        An exception of `tick` ends the search.
        """
        with scratch_folder() as scratch, self._endpoint_in(scratch) as endpoint:
            self._endpoint = asdict(endpoint)
            self._pickle = write_job(self._job, scratch / "job.pickle")
            outline = replace(self._job, recipe=self._job.recipe.outline())
            self._outline = write_job(outline, scratch / "outline.pickle")
            try:
                while not self._is_finished():
                    try:
                        self._start_missing()
                        ended = launcher().ended(TICK_SECONDS)
                    except LauncherError as error:
                        self._count_loss(error)
                        ended = {}
                    self._handle(ended)
                    tick()
                if self._is_chief and self._is_remote:
                    time.sleep(SHUTDOWN_SECONDS)
            finally:
                self._kill_all()

    @contextlib.contextmanager
    def _endpoint_in(self, scratch: Path) -> Iterator[Endpoint]:
        """Chooses the chief's address, and creates the secret if this is the chief."""
        secret = (self._job.folder if self._is_remote else scratch) / SECRET
        try:
            if self._is_chief:
                ensure_secret(secret)
            elif secret.exists():
                read_secret(secret)
        except SecretError as error:
            raise SearchError(str(error)) from error
        if self._address is not None:
            yield Endpoint(self._address, str(secret))
            return
        with contextlib.ExitStack() as stack:
            path = scratch / SOCKET
            if len(os.fsencode(path)) > MAX_SOCKET_BYTES:
                path = stack.enter_context(scratch_folder(SHORT_FOLDER)) / SOCKET
            yield Endpoint(str(path), str(secret))

    def _is_finished(self) -> bool:
        if self._slots and all(slot.is_retired for slot in self._slots):
            return not self._is_chief or not self._is_remote or is_exhausted(self._job.folder)
        return self._is_remote and is_exhausted(self._job.folder)

    def _start_missing(self) -> None:
        if self._is_chief and self._chief is None:
            self._chief = launcher().start(
                "chief",
                [
                    str(self._outline),
                    self._endpoint,
                    self._space,
                    None if self._is_remote else [slot.name for slot in self._slots],
                    self._keep_ongoing,
                    HEARTBEAT_TIMEOUT if self._is_remote else 0.0,
                ],
                self._log("chief"),
                WITHOUT_GPU,
            )
            self._keep_ongoing = True
        for slot in self._slots:
            if slot.number is None and not slot.is_retired:
                slot.number = launcher().start(
                    "train",
                    [str(self._pickle), self._endpoint, slot.name, slot.has_died],
                    self._log(slot.name),
                    slot.environment,
                    slot.cores,
                )

    def _handle(self, ended: Mapping[int, int]) -> None:
        if self._chief is not None and self._chief in ended:
            self._handle_chief(ended[self._chief])
        for slot in self._slots:
            if slot.number is None or slot.number not in ended:
                continue
            code = ended[slot.number]
            slot.number = None
            if code == TRIAL_ENDED:
                slot.crashes, slot.has_died = 0, False
            elif code == NOTHING_LEFT:
                slot.is_retired = True
            elif code == NO_CHIEF:
                raise SearchError(f"No chief answers at {self._endpoint['address']}.")
            elif code < 0:
                slot.has_died = True
                logger.warning("%s was killed by signal %d; restarting it.", slot.name, -code)
            else:
                self._check_disk(code)
                slot.crashes += 1
                if slot.crashes >= MAX_CRASHES:
                    self._give_up(slot.name, code)

    def _handle_chief(self, code: int) -> None:
        self._chief = None
        if code < 0:
            logger.warning("The chief was killed by signal %d; restarting it.", -code)
        elif code:
            self._check_disk(code)
            now = time.monotonic()
            recent = [at for at in self._chief_crashes if now - at < CRASH_SECONDS]
            self._chief_crashes = [*recent, now]
            if len(self._chief_crashes) >= MAX_CRASHES:
                self._give_up("chief", code)

    def _check_disk(self, code: int) -> None:
        if (message := reason(code)) is not None:
            raise SearchError(f"Folder {self._job.folder} can't be written to: {message}.")

    def _give_up(self, name: str, code: int) -> None:
        if code == NOT_AUTHENTICATED:
            raise SearchError(
                "The server at {address} does not know this search's secret, {secret}: it is the "
                "chief of another search, or no chief at all.".format(**self._endpoint)
            )
        path = self._log(name)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise SearchError(
            "\n".join(
                [f"Process {name} ended {MAX_CRASHES} times with code {code}. {path}:", *lines]
            )
        )

    def _count_loss(self, error: LauncherError) -> None:
        """Has all processes restarted, unless the fork server keeps crashing."""
        now = time.monotonic()
        recent = [at for at in self._losses if now - at < CRASH_SECONDS]
        self._losses = recent if error.was_killed else [*recent, now]
        if len(self._losses) >= MAX_CRASHES:
            raise SearchError("The processes cannot be started.", str(error)) from error
        logger.warning("The fork server has ended; restarting all processes.")
        self._forget_all()

    def _forget_all(self) -> None:
        self._chief = None
        for slot in self._slots:
            slot.number = None

    def _kill_all(self) -> None:
        known = (self._chief, *(slot.number for slot in self._slots))
        if numbers := {number for number in known if number is not None}:
            launcher().kill(numbers)
        self._forget_all()

    def _log(self, name: str) -> Path:
        return self._job.folder / f"{name}.log"


def is_exhausted(folder: Path) -> bool:
    """Returns whether a search has no trial left, neither to start nor to finish."""
    try:
        state = read_record(folder / ORACLE, OracleState)
    except CorruptRecordError:  # which the chief will report
        return False
    if state is None:
        return False
    return state["exhausted"] and not state["ongoing_trials"] and not state["retry_queue"]
