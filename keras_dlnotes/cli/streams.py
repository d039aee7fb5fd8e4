"""Standard streams that never fail, even if the caller has closed them.

A run of hours must not be lost because the pager that shows its progress was closed.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

NAMES = ("stdin", "stdout", "stderr")
ERRORS = "keras_dlnotes.ascii"
ASCII = {"×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "≥": ">=", "≤": "<=", "²": "^2"}
ASCII |= {"━": "=", "─": "-", "•": "*", "·": "*", "→": "->", "↓": "v", "’": "'"}


class RobustFile(io.FileIO):
    """A file that discards the output once writing to its descriptor fails.

    Attributes:
        error: the last error; None if there was none but a closed pipe.
    """

    error: OSError | None = None

    def write(self, content) -> int:
        try:
            return super().write(content)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.error = error
            with contextlib.suppress(OSError):  # for writers that use the descriptor directly
                _redirect(self.fileno())
            return memoryview(content).nbytes


@contextlib.contextmanager
def robust_streams() -> Iterator[list[RobustFile]]:
    """Opens the standard streams that are closed, and makes the others robust; yields the files.

    Characters that the encoding of a stream lacks are replaced by ASCII, so that printing never
    raises.
    """
    codecs.register_error(ERRORS, to_ascii)
    _open_closed()
    with contextlib.ExitStack() as stack:
        files = []
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, io.TextIOWrapper) and _is_plain(stream):
                stream.flush()
                file = RobustFile(stream.fileno(), "w", closefd=False)
                robust = io.TextIOWrapper(
                    io.BufferedWriter(file),
                    encoding=stream.encoding,
                    errors=ERRORS,
                    line_buffering=stream.line_buffering or name == "stderr",
                )
                setattr(sys, name, robust)
                stack.callback(_restore, name, stream, robust)
                files.append(file)
        yield files


def to_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replaces characters that an encoding lacks; a handler for `codecs.register_error`.

    >>> to_ascii(UnicodeEncodeError("ascii", "3 ≥ π", 2, 5, ""))
    ('>= \\\\u03c0', 5)
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    ascii_text = (
        ASCII.get(letter) or letter.encode("ascii", "backslashreplace").decode()
        for letter in missing
    )
    return "".join(ascii_text), error.end


def _restore(name: str, stream: io.TextIOWrapper, robust: io.TextIOWrapper) -> None:
    robust.flush()
    setattr(sys, name, stream)


def _is_plain(stream: io.TextIOWrapper) -> bool:
    """Returns whether a stream writes to a descriptor directly, unlike a console of Windows."""
    try:
        stream.fileno()
    except (OSError, ValueError):
        return False
    return isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO)


def _open_closed() -> None:
    """Redirects closed descriptors to the null device, before another file gets their number."""
    for descriptor in range(len(NAMES)):
        try:
            os.fstat(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            _redirect(descriptor)
    for descriptor, name in enumerate(NAMES):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _redirect(descriptor: int) -> None:
    """Redirects a descriptor, open or not, to the null device."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != descriptor:
        os.dup2(nothing, descriptor)
        os.close(nothing)
    os.set_inheritable(descriptor, True)
