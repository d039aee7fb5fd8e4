"""The chief's service: one process holds the oracle, and many workers send it requests.

Each request has its own connection, so neither side needs to detect that the other has vanished.
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
from keras_dlnotes.tuning.messages import ANSWER, QUESTION, AuthenticationError, Conversation
from keras_dlnotes.tuning.secret import read_secret

ASK_SECONDS = 10.0  # timeout of a request
ANSWER_SECONDS = 60.0  # timeout of an answer
CHIEF_SECONDS = 300.0  # for which a worker waits for a chief that is being started
RETRY_SECONDS = 0.2
MAX_CONNECTIONS = 100  # at a time; beyond, the oldest is closed
WARNING_SECONDS = 60.0  # between two warnings about clients without the secret
BACKLOG = 128
ALL_INTERFACES = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class NoChiefError(RuntimeError):
    """No chief answers at its address."""


class RefusedError(RuntimeError):
    """The chief refuses a request."""


@dataclass(frozen=True)
class Endpoint:
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


def ask(endpoint: Endpoint, seconds: float = CHIEF_SECONDS, **question: Any) -> dict[str, Any]:
    """Returns the chief's answer, waiting for a chief that is being restarted.

    Raises:
        NoChiefError: if no chief answers within that time.
        AuthenticationError: if the server does not know the secret.
        RefusedError: if the chief refuses.
        SecretError: if the secret cannot be used.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = _ask_once(endpoint, question)
            break
        except AuthenticationError:
            raise
        except OSError as error:  # or the secret does not exist yet
            if time.monotonic() > deadline:
                raise NoChiefError(f"No chief answers at {endpoint.address}: {error}") from error
        time.sleep(RETRY_SECONDS)
    if "refused" in answer:
        raise RefusedError(answer["refused"])
    return answer


def _ask_once(endpoint: Endpoint, question: dict[str, Any]) -> dict[str, Any]:
    secret = read_secret(Path(endpoint.secret))
    with _connection(endpoint.address) as connection:
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
    return socket.create_connection((ALL_INTERFACES.get(host, host), port), timeout=ASK_SECONDS)


@dataclass
class _Pending:
    """A request that waits for the chief's answer."""

    question: Any
    conversation: Conversation
    answer: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)


class Service:
    """Accepts concurrent requests and passes them to the chief one by one."""

    def __init__(self, endpoint: Endpoint):
        self._secret = read_secret(Path(endpoint.secret))
        self._pending: queue.SimpleQueue[_Pending] = queue.SimpleQueue()
        self._open: collections.deque[socket.socket] = collections.deque()
        self._last_warning = -WARNING_SECONDS
        self._listener = _listener(endpoint.address)
        threading.Thread(target=self._accept, daemon=True).start()

    def answer(self, respond: Callable[[Any], dict[str, Any]], seconds: float) -> None:
        """Waits for a request, at most `seconds`, and answers it in this thread."""
        with contextlib.suppress(queue.Empty):
            pending = self._pending.get(timeout=seconds)
            if pending.conversation.seconds_left > 0:  # otherwise the worker has sent it again
                pending.answer.put(respond(pending.question))

    def close(self) -> None:
        """Stops accepting requests."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept`
        self._listener.close()

    def _accept(self) -> None:
        while self._listener.fileno() >= 0:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # temporarily out of descriptors
                time.sleep(RETRY_SECONDS)
                continue
            self._open.append(connection)
            while len(self._open) > MAX_CONNECTIONS:
                with contextlib.suppress(OSError, IndexError):
                    self._open.popleft().shutdown(socket.SHUT_RDWR)
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:  # temporarily out of threads
                self._close(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._handle(connection)
        except (OSError, queue.Empty):  # the worker, if it still exists, retries
            pass
        finally:
            self._close(connection)

    def _handle(self, connection: socket.socket) -> None:
        client = Conversation(connection, self._secret, ASK_SECONDS)
        client.greet()
        try:
            question = client.receive(QUESTION)
        except AuthenticationError as error:
            self._warn(error)
            client.refuse()
            raise
        client.set_timeout(ANSWER_SECONDS)
        pending = _Pending(question, client)
        self._pending.put(pending)
        client.send(ANSWER, pending.answer.get(timeout=ANSWER_SECONDS))

    def _close(self, connection: socket.socket) -> None:
        with contextlib.suppress(ValueError):
            self._open.remove(connection)
        connection.close()

    def _warn(self, error: AuthenticationError) -> None:
        now = time.monotonic()
        if now - self._last_warning >= WARNING_SECONDS:
            self._last_warning = now
            logger.warning("Rejected a client that does not know the secret: %s", error)


def _listener(address: str) -> socket.socket:
    if os.sep in address:
        Path(address).unlink(missing_ok=True)  # left by a chief that was killed
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen(BACKLOG)
        return listener
    host, port = split_address(address)
    family, *_, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(found[:2], family=family, backlog=BACKLOG)
