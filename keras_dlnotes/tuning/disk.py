"""A disk that is full, which one process of a search tells another by its exit code."""

import errno
import os

FULL = [getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)]
FIRST = 100  # below are the codes of the roles


def exit_code(error: BaseException | None) -> int:
    """Returns the code of a process that an error ends; of any but a full disk it is 1.

    >>> exit_code(OSError(errno.ENOSPC, "No space left on device")) - FIRST == errno.ENOSPC
    True
    >>> exit_code(ValueError("no space"))
    1
    """
    while error is not None:
        for code in FULL:  # what comes from another process is a text alone
            if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
                return FIRST + code
        error = error.__cause__ or error.__context__
    return 1


def is_full(error: BaseException) -> bool:
    """Tells whether an error is that of a full disk, which is no fault of whoever was writing."""
    return exit_code(error) != 1


def reason(code: int) -> str | None:
    """Returns what an exit code says of the disk, if anything."""
    return os.strerror(code - FIRST) if code - FIRST in FULL else None
