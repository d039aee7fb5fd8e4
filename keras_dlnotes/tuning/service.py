"""The chief's service: one process that holds the oracle, many workers that ask it.

A question is a connection of its own, so neither side has anything to notice where the other one
has vanished.
"""

import collections
import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_dlnotes.tuning.folder import logger
from keras_dlnotes.tuning.messages import ANSWER, QUESTION, Conversation, StrangerError
from keras_dlnotes.tuning.secret import read_secret

ASK_SECONDS = 10.0  # within which a caller has to have asked
ANSWER_SECONDS = 60.0  # within which the chief has to have answered
CHIEF_SECONDS = 300.0  # that a worker waits for a chief that is being started
AGAIN_SECONDS = 0.2
MOST_CONNECTIONS = 100  # at a time; the oldest makes room for another one
STRANGER_SECONDS = 60.0  # between two lines about callers without the secret
BACKLOG = 128
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class NoChiefError(RuntimeError):
    """Nobody answers where the chief should be."""


class RefusedError(RuntimeError):
    """The chief does not do what it is asked."""


@dataclass(frozen=True)
class Line:
    """How to reach a chief.

    Attributes:
        address: HOST:PORT, or the path of a Unix socket.
        secret: the file with the secret.
    """

    address: str
    secret: str


def split_address(address: str) -> tuple[str, int]:
    """Returns host and port.

    >>> split_address("node7:8000"), split_address("[::1]:8000")
    (('node7', 8000), ('::1', 8000))
    """
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise ValueError(f"An address must be HOST:PORT, such as node7:8000. Received: {address}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def ask(line: Line, seconds: float = CHIEF_SECONDS, **question: Any) -> dict[str, Any]:
    """Returns the chief's answer; one that is being started anew has a while to come back.

    Raises:
        NoChiefError: where nobody answers within that time.
        StrangerError: where somebody answers who does not know the secret.
        RefusedError: where the chief refuses.
        SecretError: where the secret is of no use.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = _ask_once(line, question)
            break
        except StrangerError:
            raise
        except OSError as error:  # a secret that is not there yet included
            if time.monotonic() > deadline:
                raise NoChiefError(f"No chief answers at {line.address}: {error}") from error
        time.sleep(AGAIN_SECONDS)
    if "refused" in answer:
        raise RefusedError(answer["refused"])
    return answer


def _ask_once(line: Line, question: dict[str, Any]) -> dict[str, Any]:
    secret = read_secret(Path(line.secret))
    with _connection(line.address) as connection:
        conversation = Conversation(connection, secret, ANSWER_SECONDS)
        conversation.reply()
        conversation.send(QUESTION, question)
        return conversation.receive(ANSWER)


def _connection(address: str) -> socket.socket:
    if os.sep in address:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(ASK_SECONDS)
        try:
            connection.connect(address)
        except BaseException:
            connection.close()
            raise
        return connection
    host, port = split_address(address)
    return socket.create_connection((EVERYWHERE.get(host, host), port), timeout=ASK_SECONDS)


@dataclass
class _Pending:
    """A question that waits for the chief's answer."""

    question: Any
    conversation: Conversation
    answer: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)


class Service:
    """Takes questions from many at a time and hands them to the chief one by one."""

    def __init__(self, line: Line):
        self._secret = read_secret(Path(line.secret))
        self._pending: queue.SimpleQueue[_Pending] = queue.SimpleQueue()
        self._open: collections.deque[socket.socket] = collections.deque()
        self._told_of_strangers = -STRANGER_SECONDS
        self._listener = _listener(line.address)
        threading.Thread(target=self._accept, daemon=True).start()

    def answer(self, respond: Callable[[Any], dict[str, Any]], seconds: float) -> None:
        """Waits so long for a question and answers it: in this thread, whatever it raises."""
        with contextlib.suppress(queue.Empty):
            pending = self._pending.get(timeout=seconds)
            if pending.conversation.seconds_left > 0:  # otherwise it has been asked again
                pending.answer.put(respond(pending.question))

    def close(self) -> None:
        """Takes no more questions."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the wait for a caller
        self._listener.close()

    def _accept(self) -> None:
        while self._listener.fileno() >= 0:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # no descriptors left, for a while
                time.sleep(AGAIN_SECONDS)
                continue
            self._open.append(connection)
            while len(self._open) > MOST_CONNECTIONS:
                with contextlib.suppress(OSError, IndexError):
                    self._open.popleft().shutdown(socket.SHUT_RDWR)
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:  # no threads left, for a while
                self._close(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._listen(connection)
        except (OSError, queue.Empty):  # the worker asks again, if there still is one
            pass
        finally:
            self._close(connection)

    def _listen(self, connection: socket.socket) -> None:
        caller = Conversation(connection, self._secret, ASK_SECONDS)
        caller.greet()
        try:
            question = caller.receive(QUESTION)
        except StrangerError as error:
            self._tell(error)
            caller.refuse()
            raise
        caller.grant(ANSWER_SECONDS)
        pending = _Pending(question, caller)
        self._pending.put(pending)
        caller.send(ANSWER, pending.answer.get(timeout=ANSWER_SECONDS))

    def _close(self, connection: socket.socket) -> None:
        with contextlib.suppress(ValueError):
            self._open.remove(connection)
        connection.close()

    def _tell(self, error: StrangerError) -> None:
        now = time.monotonic()
        if now - self._told_of_strangers >= STRANGER_SECONDS:
            self._told_of_strangers = now
            logger.warning("Somebody without the secret asks for trials, and gets none: %s", error)


def _listener(address: str) -> socket.socket:
    if os.sep in address:
        Path(address).unlink(missing_ok=True)  # of a chief that was killed
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen(BACKLOG)
        return listener
    host, port = split_address(address)
    family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(place[:2], family=family, backlog=BACKLOG)
