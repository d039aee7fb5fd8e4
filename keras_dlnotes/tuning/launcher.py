"""A fork server: imports the frameworks without starting them, and forks on request.

Importing TensorFlow takes seconds, and a started framework does not survive a fork. Each child
leads its own session, so Ctrl-C in the terminal does not reach it and its own children are killed
with it; it ends when its parent has ended.
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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from keras_dlnotes.common.paths import module_search_path
from keras_dlnotes.tuning.disk import exit_code

START = """
import sys
sys.path[:] = {path}
from keras_dlnotes.tuning import launcher
launcher.serve()
"""
PARENT_POLL = 0.5
KILL_SECONDS = 5.0
ERROR_LINES = 5
NUMBERS = itertools.count(1)
ENTRYPOINTS = "keras_dlnotes.tuning.entrypoints"


class Launcher:
    """Starts functions of `entrypoints` as processes and reports their exit codes."""

    pids: dict[int, int]

    def __init__(self):
        if not hasattr(os, "fork"):
            raise LauncherError("A search needs `os.fork`, which this system lacks.")
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the launcher
        self._is_lost = False
        self.pids = {}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", START.format(path=ascii(module_search_path()))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The id of the process that forks."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Returns whether it can start processes."""
        return not self._is_lost and self._process.poll() is None

    def start(
        self,
        entrypoint: str,
        arguments: Sequence[Any],
        log: Path,
        environment: Mapping[str, str] | None = None,
        cores: Sequence[int] | None = None,
    ) -> int:
        """Starts a process.

        Args:
            entrypoint: name of a function in `entrypoints`, which returns the exit code.
            arguments: its arguments, as JSON values.
            log: file for the output of the process.
            environment: variables in addition to those of this process.
            cores: the processor cores that it may use; None for all.

        Returns:
            The number that identifies it in `ended` and `kill`.
        """
        number = next(NUMBERS)
        self._send(
            start=number,
            entrypoint=entrypoint,
            arguments=list(arguments),
            log=str(log.absolute()),
            environment=_environment() | dict(environment or {}),
            path=module_search_path(),
            folder=os.getcwd(),
            cores=None if cores is None else list(cores),
        )
        return number

    def ended(self, timeout: float) -> dict[int, int]:
        """Returns number → exit code of ended processes, waiting at most `timeout` seconds for one.

        The code of a process that was killed is the negative number of the signal.

        Raises:
            LauncherError: if the fork server has ended, and all others with it.
        """
        found: dict[int, int] = {}
        pipe = self._process.stdout.fileno()
        while select.select([pipe], [], [], 0 if found else timeout)[0]:
            content = os.read(pipe, 65536)
            if not content:
                raise self._lost()
            *lines, self._unread = (self._unread + content).split(b"\n")
            for message in map(json.loads, lines):
                if "pid" in message:
                    self.pids[message["number"]] = message["pid"]
                else:
                    found[message["number"]] = message["code"]
                    self.pids.pop(message["number"], None)
            timeout = 0
        return found

    def run(self, entrypoint: str, arguments: Sequence[Any], log: Path) -> int:
        """Runs a process and returns its exit code."""
        number = self.start(entrypoint, arguments, log)
        try:
            while number not in (ended := self.ended(1.0)):
                pass
        except BaseException:
            self.kill({number})
            raise
        return ended[number]

    def kill(self, numbers: Collection[int]) -> None:
        """Kills processes and their children, and waits until they have ended."""
        left = set(numbers)
        deadline = time.monotonic() + KILL_SECONDS
        with contextlib.suppress(LauncherError):  # they end with the fork server
            for number in left:
                self._send(kill=number)
            while left and time.monotonic() < deadline:
                left -= self.ended(0.2).keys()

    def close(self) -> None:
        """Ends the fork server and its children."""
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
            raise self._lost() from error

    def _lost(self) -> "LauncherError":
        self._is_lost = True
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").splitlines()[-ERROR_LINES:]
        message = "\n".join(["The fork server has ended.", *last])
        return LauncherError(message, was_killed=self._process.wait() < 0)


class LauncherError(RuntimeError):
    """The fork server has ended.

    Args:
        message: what happened, and the last lines that it printed.
        was_killed: whether it was killed by a signal.
    """

    def __init__(self, message: str, was_killed: bool = False):
        super().__init__(message)
        self.was_killed = was_killed


def _environment() -> dict[str, str]:
    """Returns this process's variables without KerasTuner's, which configure its own chief."""
    return {key: value for key, value in os.environ.items() if not key.startswith("KERASTUNER_")}


def serve() -> None:
    """Runs the fork server until its parent closes the pipe or ends."""
    entrypoints = import_module(ENTRYPOINTS)
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
                    pid = _fork(entrypoints, request)
                    children[pid] = request["start"]
                    _report(number=request["start"], pid=pid)
        for pid, status in _reap(children):
            _report(number=children.pop(pid), code=os.waitstatus_to_exitcode(status))
    _kill(children)


def _reap(children: Mapping[int, int]) -> list[tuple[int, int]]:
    waited = [os.waitpid(pid, os.WNOHANG) for pid in children]
    return [(pid, status) for pid, status in waited if pid]


def _report(**message: int) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _fork(entrypoints: Any, request: Mapping[str, Any]) -> int:
    launcher = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        _prepare(request, launcher)
        code = getattr(entrypoints, request["entrypoint"])(*request["arguments"])
    except BaseException as error:
        code = exit_code(error)
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code or 0)


def _prepare(request: Mapping[str, Any], launcher: int) -> None:
    """Detaches the child from the launcher's pipes, and sets its environment."""
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
    """Calls `end` once the parent process has ended."""

    def poll() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL)
        end()

    threading.Thread(target=poll, daemon=True).start()
