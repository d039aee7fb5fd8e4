"""A full disk, which a process of a search reports by its exit code."""

import errno
import os

FULL = [getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)]
FIRST = 100  # above the codes of the entry points


def exit_code(error: BaseException | None) -> int:
    """Returns the exit code for an error: 1, unless the disk is full.

    >>> exit_code(OSError(errno.ENOSPC, "No space left on device")) - FIRST == errno.ENOSPC
    True
    >>> exit_code(ValueError("no space"))
    1
    """
    while error is not None:
        for code in FULL:  # an error of another process is only text
            if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
                return FIRST + code
        error = error.__cause__ or error.__context__
    return 1


def is_full(error: BaseException) -> bool:
    """Returns whether the error was caused by a full disk."""
    return exit_code(error) != 1


def reason(code: int) -> str | None:
    """Returns the system's message for the exit code of a full disk; None for other codes."""
    return os.strerror(code - FIRST) if code - FIRST in FULL else None
