"""Temporary folders on a local disk, which are removed even if the owner is killed.

The owner locks the folder, and the operating system releases the lock when the process ends. So the
next search recognizes abandoned folders and removes them. Services that remove temporary files by
their age, such as systemd's, skip locked folders.
"""

import contextlib
import os
import platform
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # Windows, which does not support searches

# Machines may share a file system that does not share locks between them.
PREFIX = f"keras_dlnotes_search_{zlib.crc32(platform.node().encode()):08x}_"
NEW = ".new_"  # until it is locked


@contextlib.contextmanager
def scratch_folder(parent: str | Path | None = None) -> Iterator[Path]:
    """Creates a folder that only this user can read, and removes it on exit.

    Args:
        parent: its parent folder; by default the system's folder of temporary files.
    """
    parent = Path(tempfile.gettempdir() if parent is None else parent)
    remove_abandoned(parent)
    path = Path(tempfile.mkdtemp(prefix=NEW + PREFIX, dir=parent))
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: shutil.rmtree(path, ignore_errors=True))
        with contextlib.suppress(OSError):  # without a lock, only its owner removes it
            stack.enter_context(_locked(path))
            path = path.rename(path.with_name(path.name.removeprefix(NEW)))
        yield path


def remove_abandoned(parent: Path) -> None:
    """Removes this user's folders whose owners have ended."""
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _locked(path):
            if path.stat().st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock of a folder; raises OSError if another process holds it."""
    if fcntl is None:
        raise OSError("This system does not support such locks.")
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
