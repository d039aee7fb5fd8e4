"""Keeps the processes of a search alive, and ends with the last trial."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from keras_dlnotes.common.printable import printable
from keras_dlnotes.runs.records import CorruptRecordError, read_record
from keras_dlnotes.tuning import disk
from keras_dlnotes.tuning.folder import ORACLE, logger
from keras_dlnotes.tuning.formats import OracleState
from keras_dlnotes.tuning.job import Job, write_job
from keras_dlnotes.tuning.launcher import Launcher, LauncherError
from keras_dlnotes.tuning.roles import NO_CHIEF, NOTHING_LEFT, STRANGER, TRIAL_ENDED
from keras_dlnotes.tuning.scratch import scratch_folder
from keras_dlnotes.tuning.secret import SECRET, SecretError, read_secret, settle_secret
from keras_dlnotes.tuning.service import Line
from keras_dlnotes.tuning.shares import shares_of

TICK_SECONDS = 0.2
MOST_CRASHES = 3  # of one process in a row, without a trial's end between them
CRASH_SECONDS = 60.0  # within which they count as in a row
SILENCE_SECONDS = 60.0  # after which a worker on another machine counts as lost
FAREWELL_SECONDS = 5.0  # that a chief waits for workers elsewhere to hear of the end
LOG_LINES = 15
SOCKET = "chief"
MOST_SOCKET_BYTES = 100  # that the path of a socket may have: 103 on macOS, 107 on Linux
SHORT_FOLDER = "/tmp"
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}

_launcher: Launcher | None = None


class SearchError(RuntimeError):
    """A search that cannot go on, or that ended without one completed trial.

    Attributes:
        summary: one line.
        details: what the processes told, such as a trial's traceback.
    """

    def __init__(self, summary: str, details: str = ""):
        self.summary = printable(summary)
        self.details = printable(details, keep="\n\t")
        super().__init__(f"{self.summary}\n\n{self.details}" if details else self.summary)


def launcher() -> Launcher:
    """Returns this process's launcher, which all its searches share."""
    global _launcher
    if _launcher is not None and not _launcher.is_alive():
        _launcher.close()
        _launcher = None
    if _launcher is None:
        _launcher = Launcher()
    return _launcher


@dataclass
class Slot:
    """The place of a worker, whose processes have the same name one after the other."""

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
        job: what they work on.
        space: the configuration of the hyperparameters; only the chief needs it.
        workers: the names of those on this machine.
        address: HOST:PORT of the chief; by default a socket that only this user can reach.
        is_chief: whether the chief runs here.
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
            Slot(name, *share) for name, share in zip(workers, shares_of(len(workers)), strict=True)
        ]

    def run(self, tick: Callable[[], Any]) -> None:
        """Works until every trial has ended; calls `tick` several times a second.

        Whatever `tick` raises ends the search.
        """
        with scratch_folder() as scratch, self._line_in(scratch) as line:
            self._line = asdict(line)
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
                    time.sleep(FAREWELL_SECONDS)
            finally:
                self._kill_all()

    @contextlib.contextmanager
    def _line_in(self, scratch: Path) -> Iterator[Line]:
        """Settles how the processes find their chief, and makes the secret where it is ours."""
        secret = (self._job.folder if self._is_remote else scratch) / SECRET
        try:
            if self._is_chief:
                settle_secret(secret)
            elif secret.exists():
                read_secret(secret)
        except SecretError as error:
            raise SearchError(str(error)) from error
        if self._is_remote:
            yield Line(self._address, str(secret))
            return
        with contextlib.ExitStack() as stack:
            place = scratch / SOCKET
            if len(os.fsencode(place)) > MOST_SOCKET_BYTES:
                place = stack.enter_context(scratch_folder(SHORT_FOLDER)) / SOCKET
            yield Line(str(place), str(secret))

    def _is_finished(self) -> bool:
        if self._slots and all(slot.is_retired for slot in self._slots):
            return not self._is_chief or not self._is_remote or is_exhausted(self._job.folder)
        return self._is_remote and is_exhausted(self._job.folder)

    def _start_missing(self) -> None:
        if self._is_chief and self._chief is None:
            self._chief = launcher().start(
                "be_chief",
                [
                    str(self._outline),
                    self._line,
                    self._space,
                    None if self._is_remote else [slot.name for slot in self._slots],
                    self._keep_ongoing,
                    SILENCE_SECONDS if self._is_remote else 0.0,
                ],
                self._log("chief"),
                WITHOUT_GPU,
            )
            self._keep_ongoing = True
        for slot in self._slots:
            if slot.number is None and not slot.is_retired:
                slot.number = launcher().start(
                    "train",
                    [str(self._pickle), self._line, slot.name, slot.has_died],
                    self._log(slot.name),
                    slot.environment,
                    slot.cores,
                )

    def _handle(self, ended: Mapping[int, int]) -> None:
        if self._chief in ended:
            self._handle_chief(ended[self._chief])
        for slot in self._slots:
            if slot.number not in ended:
                continue
            code = ended[slot.number]
            slot.number = None
            if code == TRIAL_ENDED:
                slot.crashes, slot.has_died = 0, False
            elif code == NOTHING_LEFT:
                slot.is_retired = True
            elif code == NO_CHIEF:
                raise SearchError(f"No chief answers at {self._line['address']}.")
            elif code < 0:
                slot.has_died = True
                logger.warning("%s was killed by signal %d; it starts anew.", slot.name, -code)
            else:
                self._check_disk(code)
                slot.crashes += 1
                if slot.crashes >= MOST_CRASHES:
                    self._give_up(slot.name, code)

    def _handle_chief(self, code: int) -> None:
        self._chief = None
        if code < 0:
            logger.warning("The chief was killed by signal %d; it starts anew.", -code)
        elif code:
            self._check_disk(code)
            now = time.monotonic()
            recent = [at for at in self._chief_crashes if now - at < CRASH_SECONDS]
            self._chief_crashes = [*recent, now]
            if len(self._chief_crashes) >= MOST_CRASHES:
                self._give_up("chief", code)

    def _check_disk(self, code: int) -> None:
        if (told := disk.reason(code)) is not None:
            raise SearchError(f"Folder {self._job.folder} can't be written to: {told}.")

    def _give_up(self, name: str, code: int) -> None:
        if code == STRANGER:
            raise SearchError(
                "What answers at {address} does not know this search's secret, {secret}: it is the "
                "chief of another search, or none.".format(**self._line)
            )
        path = self._log(name)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise SearchError(
            "\n".join(
                [f"Process {name} ended {MOST_CRASHES} times with code {code}. {path}:", *lines]
            )
        )

    def _count_loss(self, error: LauncherError) -> None:
        """Starts everything anew, unless that does not help: a fault ends it again and again."""
        now = time.monotonic()
        recent = [at for at in self._losses if now - at < CRASH_SECONDS]
        self._losses = recent if error.was_killed else [*recent, now]
        if len(self._losses) >= MOST_CRASHES:
            raise SearchError("The processes cannot be started.", str(error)) from error
        logger.warning("The process that starts the others has ended; all start anew.")
        self._forget_all()

    def _forget_all(self) -> None:
        self._chief = None
        for slot in self._slots:
            slot.number = None

    def _kill_all(self) -> None:
        numbers = {self._chief, *(slot.number for slot in self._slots)} - {None}
        if numbers:
            launcher().kill(numbers)
        self._forget_all()

    def _log(self, name: str) -> Path:
        return self._job.folder / f"{name}.log"


def is_exhausted(folder: Path) -> bool:
    """Tells whether no trial of a search is left, neither to begin nor to end."""
    try:
        state = read_record(folder / ORACLE, OracleState)
    except CorruptRecordError:  # which the chief will tell of
        return False
    if state is None:
        return False
    return state["exhausted"] and not state["ongoing_trials"] and not state["retry_queue"]
