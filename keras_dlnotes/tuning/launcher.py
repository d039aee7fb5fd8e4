"""Processes that start at once: forks of one that has imported everything and started nothing.

Importing TensorFlow takes seconds, and a framework that has started does not survive a fork. So a
process of our own imports the frameworks, starts none, and forks a child for each request. A child
is the leader of its own session: Ctrl-C in the terminal does not reach it, its own helpers die
with it, and it ends by itself when its parent has ended, however that came about.
"""

import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from keras_dlnotes.common.paths import library_first, of_this_package
from keras_dlnotes.tuning import disk

START = """
import sys
sys.path[:] = {path}
from keras_dlnotes.tuning import launcher
launcher.serve()
"""
PARENT_POLL = 0.5
KILL_SECONDS = 5.0
LAST_LINES = 5
NUMBERS = itertools.count(1)
TARGET = "keras_dlnotes.tuning.roles"


class Launcher:
    """Starts functions of `roles` as processes of their own and tells how they end."""

    def __init__(self):
        if not hasattr(os, "fork"):
            raise LauncherError("A search forks its processes, which this system cannot.")
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the launcher
        self._is_lost = False
        self.pids: dict[int, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", START.format(path=ascii(_search_path()))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process that forks."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tells whether it can start anything."""
        return not self._is_lost and self._process.poll() is None

    def start(
        self,
        role: str,
        arguments: Sequence[Any],
        log: Path,
        environment: Mapping[str, str] | None = None,
        cores: Sequence[int] | None = None,
    ) -> int:
        """Starts a process.

        Args:
            role: name of a function in `roles`; what it returns is the exit code.
            arguments: JSON values for it.
            log: file that takes what the process prints.
            environment: variables in addition to those of this process.
            cores: the processor cores that it may use; None for all.

        Returns:
            The number by which `ended` and `kill` know it.
        """
        number = next(NUMBERS)
        self._send(
            start=number,
            role=role,
            arguments=list(arguments),
            log=str(log.absolute()),
            environment=_environment() | dict(environment or {}),
            path=_search_path(),
            folder=os.getcwd(),
            cores=None if cores is None else list(cores),
        )
        return number

    def ended(self, timeout: float) -> dict[int, int]:
        """Returns number → exit code of processes that have ended; waits for one that long.

        The code of one killed by a signal is the signal's number, negative.

        Raises:
            LauncherError: where the launcher's process has ended, and all others with it.
        """
        found = {}
        pipe = self._process.stdout.fileno()
        while select.select([pipe], [], [], 0 if found else timeout)[0]:
            content = os.read(pipe, 65536)
            if not content:
                raise self._loss()
            *lines, self._unread = (self._unread + content).split(b"\n")
            for message in map(json.loads, lines):
                if "pid" in message:
                    self.pids[message["number"]] = message["pid"]
                else:
                    found[message["number"]] = message["code"]
                    self.pids.pop(message["number"], None)
            timeout = 0
        return found

    def run(self, role: str, arguments: Sequence[Any], log: Path) -> int:
        """Starts a process, waits for its end and returns its exit code."""
        number = self.start(role, arguments, log)
        try:
            while number not in (ended := self.ended(1.0)):
                pass
        except BaseException:
            self.kill({number})
            raise
        return ended[number]

    def kill(self, numbers: Collection[int]) -> None:
        """Ends processes and their helpers, and waits until they are gone."""
        left = set(numbers)
        deadline = time.monotonic() + KILL_SECONDS
        with contextlib.suppress(LauncherError):  # then they end by themselves
            for number in left:
                self._send(kill=number)
            while left and time.monotonic() < deadline:
                left -= self.ended(0.2).keys()

    def close(self) -> None:
        """Ends everything."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # its children end with it
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _send(self, **request: Any) -> None:
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._loss() from error

    def _loss(self) -> "LauncherError":
        self._is_lost = True
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").splitlines()[-LAST_LINES:]
        message = "\n".join(["The process that starts the others has ended.", *last])
        return LauncherError(message, was_killed=self._process.wait() < 0)


class LauncherError(RuntimeError):
    """The launcher's own process is gone.

    Args:
        message: what happened, and the last lines that it printed.
        was_killed: whether a signal ended it, rather than a fault of its own.
    """

    def __init__(self, message: str, was_killed: bool = False):
        super().__init__(message)
        self.was_killed = was_killed


def _environment() -> dict[str, str]:
    """Returns this process's variables without KerasTuner's, which give a process another role."""
    return {key: value for key, value in os.environ.items() if not key.startswith("KERASTUNER_")}


def _search_path() -> list[str]:
    """Returns where a process finds what this one does, and nothing in Python's own place."""
    return list(dict.fromkeys([*library_first(sys.path), of_this_package()]))


def serve() -> None:
    """What the launcher's process does, until its parent closes the pipe or ends."""
    roles = import_module(TARGET)
    children: dict[int, int] = {}  # process id → number
    unread = b""
    while True:
        if select.select([0], [], [], 0.03)[0]:
            content = os.read(0, 1 << 20)
            if not content:
                break
            *lines, unread = (unread + content).split(b"\n")
            for request in map(json.loads, lines):
                if "kill" in request:
                    _kill([pid for pid, number in children.items() if number == request["kill"]])
                else:
                    pid = _fork(roles, request)
                    children[pid] = request["start"]
                    _tell(number=request["start"], pid=pid)
        for pid, status in _reap(children):
            _tell(number=children.pop(pid), code=os.waitstatus_to_exitcode(status))
    _kill(children)


def _reap(children: Mapping[int, int]) -> list[tuple[int, int]]:
    waited = [os.waitpid(pid, os.WNOHANG) for pid in children]
    return [(pid, status) for pid, status in waited if pid]


def _tell(**message: int) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _fork(roles: Any, request: Mapping[str, Any]) -> int:
    launcher = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        _prepare(request, launcher)
        code = getattr(roles, request["role"])(*request["arguments"])
    except BaseException as error:
        code = disk.exit_code(error)
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code or 0)


def _prepare(request: Mapping[str, Any], launcher: int) -> None:
    """Makes the child independent of the launcher's pipes, and puts it in its place."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[:] = request["path"]
    os.chdir(request["folder"])
    if request["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, request["cores"])
    die_with_parent(launcher, lambda: _kill([os.getpid()]))


def die_with_parent(parent: int, end: Callable[[], Any]) -> None:
    """Calls `end` once the parent is another process, since ours has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL)
        end()

    threading.Thread(target=watch, daemon=True).start()
