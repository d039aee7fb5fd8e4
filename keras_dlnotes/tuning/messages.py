r"""Authenticated requests and answers between two processes that share a secret.

The chief sends a random number \(n\) to every client, and the worker replies with another, \(m\).
Each message is JSON preceded by \(\mathrm{HMAC}(secret, kind \Vert n \Vert m \Vert text)\), so that
each side rejects peers that do not know the secret, and recorded messages cannot be replayed.
Nothing is encrypted, and nothing but JSON is parsed.
"""

import hmac
import json
import secrets
import socket
import struct
import time
from typing import Any

QUESTION, ANSWER = b"question", b"answer"
MAX_BYTES = {QUESTION: 4096, ANSWER: 1 << 26}
RANDOM_BYTES = 32
HEAD = struct.Struct("!32sI")


class AuthenticationError(ConnectionError):
    """The peer does not know the secret, or sends something other than a message."""


class Conversation:
    """One side of a connection, with a deadline for the whole exchange.

    Args:
        connection: to the peer.
        secret: that both sides share.
        seconds: until the deadline.
    """

    def __init__(self, connection: socket.socket, secret: bytes, seconds: float):
        self._connection = connection
        self._secret = secret
        self._numbers = b""
        self.set_timeout(seconds)

    @property
    def seconds_left(self) -> float:
        """The time until the deadline."""
        return self._deadline - time.monotonic()

    def set_timeout(self, seconds: float) -> None:
        """Sets the deadline this many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def greet(self) -> None:
        """Exchanges random numbers as the chief."""
        own = secrets.token_bytes(RANDOM_BYTES)
        self._write(own)
        self._numbers = own + self._read(RANDOM_BYTES)

    def reply(self) -> None:
        """Exchanges random numbers as a worker."""
        own = secrets.token_bytes(RANDOM_BYTES)
        self._numbers = self._read(RANDOM_BYTES) + own
        self._write(own)

    def send(self, kind: bytes, value: Any) -> None:
        """Sends a JSON value."""
        text = json.dumps(value).encode()
        self._write(HEAD.pack(self._hmac(kind, text), len(text)) + text)

    def refuse(self) -> None:
        """Sends an invalid message, since a peer without the secret would reject a valid one."""
        self._write(HEAD.pack(b"", 0))

    def receive(self, kind: bytes) -> Any:
        """Returns the JSON value that the peer sends."""
        seal, length = HEAD.unpack(self._read(HEAD.size))
        if length > MAX_BYTES[kind]:
            raise AuthenticationError(f"The message has {length} bytes.")
        text = self._read(length)
        if not hmac.compare_digest(seal, self._hmac(kind, text)):
            raise AuthenticationError("The message is not authenticated by the secret.")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise AuthenticationError("The message is not JSON.") from error

    def _hmac(self, kind: bytes, text: bytes) -> bytes:
        return hmac.digest(self._secret, kind + self._numbers + text, "sha256")

    def _write(self, content: bytes) -> None:
        self._apply_deadline()
        self._connection.sendall(content)

    def _read(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            self._apply_deadline()
            part = self._connection.recv(min(count - len(found), 1 << 16))
            if not part:
                raise ConnectionResetError("The peer has closed the connection.")
            found += part
        return bytes(found)

    def _apply_deadline(self) -> None:
        left = self.seconds_left
        if left <= 0:
            raise TimeoutError("The peer is too slow.")
        self._connection.settimeout(left)
