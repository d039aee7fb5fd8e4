"""The secret of a search: whoever can read it may ask its chief for trials."""

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
    """A secret that others can read, or that is none."""


def settle_secret(path: Path) -> None:
    """Makes the secret, where there is none or one that others may have read.

    It stays the same as long as it can, since workers that are at a trial know it.
    """
    try:
        read_secret(path)
    except (FileNotFoundError, SecretError):
        _make(path)
        read_secret(path)  # raises where the file system keeps no permissions


def read_secret(path: Path) -> bytes:
    """Returns the secret.

    Raises:
        FileNotFoundError: where there is none yet.
        SecretError: where it is of no use.
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
            f"The secret {path} has the permissions {stat.S_IMODE(mode):o} and must have 600, so "
            "that nobody else can read it; the file system of a search's folder has to keep them."
        )
    if not FORM.fullmatch(content):
        raise SecretError(f"The secret {path} is corrupt; a chief that is started anew mends it.")
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
