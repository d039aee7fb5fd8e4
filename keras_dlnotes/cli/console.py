"""The console of the command line, which prints text without markup or control characters."""

import contextlib
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from keras_dlnotes.common.printable import printable


class PlainConsole(Console):
    """Prints text literally, with control characters escaped.

    Line breaks are escaped as well; `lines` keeps those of a longer text.
    """

    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Returns a text as one line."""
        return super().render_str(printable(text), **options | {"markup": False, "emoji": False})

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        """Yields the segments of any renderable, with control characters escaped."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, keep="\n"), segment.style)


console = PlainConsole()


def lines(text: str) -> Text:
    """Returns a text of several lines, such as a traceback, for the console."""
    return Text(printable(text, keep="\n\t"))


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Escapes control characters in Python's warnings while it is active."""
    earlier = warnings.formatwarning

    def formatwarning(*arguments: Any, **options: Any) -> str:
        return printable(earlier(*arguments, **options), keep="\n\t")

    warnings.formatwarning = formatwarning
    try:
        yield
    finally:
        warnings.formatwarning = earlier


def print_error(message: str) -> None:
    """Prints a message as one line of the error stream."""
    print("dlnotes:", printable(" ".join(message.split())), file=sys.stderr)


def print_traceback() -> None:
    """Prints the traceback of the current error to the error stream."""
    print(printable(traceback.format_exc(), keep="\n\t"), end="", file=sys.stderr)
