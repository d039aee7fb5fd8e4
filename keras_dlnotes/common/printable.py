r"""Text that came from elsewhere, so that a terminal shows it and obeys none of it.

Control characters of both sets (a terminal takes ``\x9b`` for ``\x1b[``), line and paragraph
separators, marks that turn the direction of writing, and halves of characters are written as Python
writes them.
"""

import logging
import re
from typing import Any

OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    r"""Returns the text with what a terminal obeys escaped, but for the characters to keep.

    >>> print(printable("a\x1b[31m\n"))
    a\x1b[31m\n
    """

    def shown(found: re.Match) -> str:
        character = found.group()
        return character if character in keep else character.encode("unicode_escape").decode()

    return OBEYED.sub(shown, text)


def in_utf8(value: Any) -> Any:
    r"""Returns a text with halves of characters escaped, which no file in UTF-8 can hold.

    >>> print(in_utf8("é\udc80"))
    é\udc80
    """
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def get_logger(name: str) -> logging.Logger:
    """Returns the logger of this name, whose messages are printable lines."""
    logger = logging.getLogger(name)
    if _make_printable not in logger.filters:
        logger.addFilter(_make_printable)
    return logger


def _make_printable(record: logging.LogRecord) -> bool:
    record.msg, record.args = printable(record.getMessage(), keep="\n\t"), ()
    return True
