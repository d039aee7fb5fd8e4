"""Standard streams that can be written to, whatever the caller has closed.

A run of hours must not be lost since the pager that showed its progress was left.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

NAMES = ("stdin", "stdout", "stderr")
SPELLING = "keras_dlnotes.spelling"
SPELLED = {"×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "≥": ">=", "≤": "<=", "²": "^2"}
SPELLED |= {"━": "=", "─": "-", "•": "*", "·": "*", "→": "->", "↓": "v", "’": "'"}


class LastingFile(io.FileIO):
    """A descriptor that takes what is written when nobody reads it any more, and drops it.

    Attributes:
        error: what the first write that failed said; None where all went well, or the reader left.
    """

    error: OSError | None = None

    def write(self, content) -> int:
        try:
            return super().write(content)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.error = error
            with contextlib.suppress(OSError):  # for writers that know the descriptor alone
                _redirect(self.fileno())
            return memoryview(content).nbytes


@contextlib.contextmanager
def lasting_streams() -> Iterator[list[LastingFile]]:
    """Opens the standard streams that are closed, and makes the others last; yields the files.

    What the encoding of a stream does not have is spelled in ASCII, so that no table and no name of
    a file ends the program.
    """
    codecs.register_error(SPELLING, spelled)
    _open_closed()
    with contextlib.ExitStack() as stack:
        files = []
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, io.TextIOWrapper) and _is_plain(stream):
                stream.flush()
                file = LastingFile(stream.fileno(), "w", closefd=False)
                lasting = io.TextIOWrapper(
                    io.BufferedWriter(file),
                    encoding=stream.encoding,
                    errors=SPELLING,
                    line_buffering=stream.line_buffering or name == "stderr",
                )
                setattr(sys, name, lasting)
                stack.callback(_put_back, name, stream, lasting)
                files.append(file)
        yield files


def spelled(error: UnicodeError) -> tuple[str, int]:
    """Spells what an encoding lacks, as a handler of `codecs.register_error`.

    >>> spelled(UnicodeEncodeError("ascii", "3 ≥ π", 2, 5, ""))
    ('>= \\\\u03c0', 5)
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    ascii_text = (
        SPELLED.get(letter) or letter.encode("ascii", "backslashreplace").decode()
        for letter in missing
    )
    return "".join(ascii_text), error.end


def _put_back(name: str, stream: io.TextIOWrapper, lasting: io.TextIOWrapper) -> None:
    lasting.flush()
    setattr(sys, name, stream)


def _is_plain(stream: io.TextIOWrapper) -> bool:
    """Tells whether a stream writes to a descriptor as it is; a console of Windows does not."""
    try:
        stream.fileno()
    except (OSError, ValueError):
        return False
    return isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO)


def _open_closed() -> None:
    """Opens what is closed on nothing, before a file of ours is given the number and written to."""
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
    """Makes a descriptor, open or not, one of nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != descriptor:
        os.dup2(nothing, descriptor)
        os.close(nothing)
    os.set_inheritable(descriptor, True)
