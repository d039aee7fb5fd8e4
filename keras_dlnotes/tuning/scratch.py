"""Folders for what lasts as long as a search and is of no use after it, on this machine's own disk.

Its owner locks the folder, and the operating system frees the lock when the process ends, however
that comes about. So the next search knows what dead ones have left, and removes it. Whoever tidies
up temporary files by their age, as systemd does, leaves a locked folder alone.
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
except ImportError:  # Windows, where there are no searches
    fcntl = None

# Machines may share a file system that keeps no locks between them.
PREFIX = f"keras_dlnotes_search_{zlib.crc32(platform.node().encode()):08x}_"
NEW = ".new_"  # until it is locked


@contextlib.contextmanager
def scratch_folder(parent: str | Path | None = None) -> Iterator[Path]:
    """Makes a folder that nobody else can look into, and removes it in the end.

    Args:
        parent: where; by default among the temporary files.
    """
    parent = Path(tempfile.gettempdir() if parent is None else parent)
    remove_abandoned(parent)
    path = Path(tempfile.mkdtemp(prefix=NEW + PREFIX, dir=parent))
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: shutil.rmtree(path, ignore_errors=True))
        with contextlib.suppress(OSError):  # without a lock, nobody removes it but its owner
            stack.enter_context(_locked(path))
            path = path.rename(path.with_name(path.name.removeprefix(NEW)))
        yield path


def remove_abandoned(parent: Path) -> None:
    """Removes this user's folders whose owners have died."""
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _locked(path):
            if path.stat().st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock of a folder; raises OSError where another one does."""
    if fcntl is None:
        raise OSError("This system has no such locks.")
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
