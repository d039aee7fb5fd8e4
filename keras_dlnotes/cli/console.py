"""The one console of the command line: what it prints is text, and never markup or a command."""

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
    """Prints each text as it is; what a terminal would obey is escaped.

    A line break in a text is escaped as well; `lines` keeps those of a longer one.
    """

    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Returns a text of one line, whatever stands in it."""
        return super().render_str(printable(text), **options | {"markup": False, "emoji": False})

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        """Yields what is to be printed, of parts that are no plain texts too."""
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
    """A while in which Python's warnings, Keras's among them, are printed as text."""
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
