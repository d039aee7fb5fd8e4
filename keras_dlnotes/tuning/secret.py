"""The secret of a search: any process that can read it may request trials from the chief."""

import os
import re
import secrets
import stat
from pathlib import Path

SECRET = ".secret"
BYTES = 32
FORM = re.compile(rb"[0-9a-f]{%d}\n" % (2 * BYTES))
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SecretError(RuntimeError):
    """A secret that other users can read, or that is malformed."""


def ensure_secret(path: Path) -> None:
    """Creates the secret if there is none, or if other users may have read it.

    A valid secret is kept, since workers in the middle of a trial use it.
    """
    try:
        read_secret(path)
    except (FileNotFoundError, SecretError):
        _make(path)
        read_secret(path)  # raises if the file system does not support permissions


def read_secret(path: Path) -> bytes:
    """Returns the secret.

    Raises:
        FileNotFoundError: if there is none yet.
        SecretError: if it cannot be used.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(2 * BYTES + 2)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SecretError(f"The secret {path} can't be read: {error.strerror}.") from error
    if mode & OTHERS:
        raise SecretError(
            f"The secret {path} must have the permissions 600, so that no other user can read it. "
            f"It has {stat.S_IMODE(mode):o}. The file system of a search's folder must support "
            "permissions."
        )
    if not FORM.fullmatch(content):
        raise SecretError(f"The secret {path} is corrupt. Restart the chief to replace it.")
    return bytes.fromhex(content.decode())


def _make(path: Path) -> None:
    partial = path.with_name(f".partial-{path.name}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(secrets.token_hex(BYTES).encode() + b"\n")
        file.flush()
        os.fsync(descriptor)
    os.replace(partial, path)
