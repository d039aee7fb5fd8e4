r"""A question and its answer between two who know the same secret.

The chief greets whoever connects with a random number \(n\), and the worker replies with another,
\(m\). Each message is JSON behind \(\mathrm{HMAC}(secret, kind \Vert n \Vert m \Vert text)\), so
that neither side listens to one who does not know the secret, and what was overheard is of no use a
second time. Nothing is encrypted, and nothing that comes can be more than JSON.
"""

import hmac
import json
import secrets
import socket
import struct
import time
from typing import Any

QUESTION, ANSWER = b"question", b"answer"
MOST_BYTES = {QUESTION: 4096, ANSWER: 1 << 26}
RANDOM_BYTES = 32
HEAD = struct.Struct("!32sI")


class StrangerError(ConnectionError):
    """The other side does not know the secret, or says something else than a message."""


class Conversation:
    """One side of a connection, which ends when its time is over.

    Args:
        connection: to the other side.
        secret: that both know.
        seconds: that everything may take, however slowly the other side talks.
    """

    def __init__(self, connection: socket.socket, secret: bytes, seconds: float):
        self._connection = connection
        self._secret = secret
        self._numbers = b""
        self.grant(seconds)

    @property
    def seconds_left(self) -> float:
        """How much of its time is left."""
        return self._deadline - time.monotonic()

    def grant(self, seconds: float) -> None:
        """Gives the conversation another so many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def greet(self) -> None:
        """Begins as the chief does."""
        own = secrets.token_bytes(RANDOM_BYTES)
        self._write(own)
        self._numbers = own + self._read(RANDOM_BYTES)

    def reply(self) -> None:
        """Begins as a worker does."""
        own = secrets.token_bytes(RANDOM_BYTES)
        self._numbers = self._read(RANDOM_BYTES) + own
        self._write(own)

    def send(self, kind: bytes, value: Any) -> None:
        """Sends a JSON value."""
        text = json.dumps(value).encode()
        self._write(HEAD.pack(self._seal(kind, text), len(text)) + text)

    def refuse(self) -> None:
        """Sends what is no message, since the other side would not believe one."""
        self._write(HEAD.pack(b"", 0))

    def receive(self, kind: bytes) -> Any:
        """Returns the JSON value that the other side sends."""
        seal, length = HEAD.unpack(self._read(HEAD.size))
        if length > MOST_BYTES[kind]:
            raise StrangerError(f"A message of {length} bytes.")
        text = self._read(length)
        if not hmac.compare_digest(seal, self._seal(kind, text)):
            raise StrangerError("A message without the secret.")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise StrangerError("A message that is not JSON.") from error

    def _seal(self, kind: bytes, text: bytes) -> bytes:
        return hmac.digest(self._secret, kind + self._numbers + text, "sha256")

    def _write(self, content: bytes) -> None:
        self._wait_no_longer()
        self._connection.sendall(content)

    def _read(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            self._wait_no_longer()
            part = self._connection.recv(min(count - len(found), 1 << 16))
            if not part:
                raise ConnectionResetError("The other side has ended the connection.")
            found += part
        return bytes(found)

    def _wait_no_longer(self) -> None:
        left = self.seconds_left
        if left <= 0:
            raise TimeoutError("The other side is too slow.")
        self._connection.settimeout(left)
