r"""Text from elsewhere, made safe to print.

Control characters of both sets (a terminal takes ``\x9b`` for ``\x1b[``), line and paragraph
separators, marks of direction and lone surrogates are written as Python's escapes.
"""

import logging
import re
from typing import Any, SupportsFloat

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    r"""Returns the text with unprintable characters escaped, but for those in `keep`.

    >>> print(printable("a\x1b[31m\n"))
    a\x1b[31m\n
    """

    def escaped(found: re.Match) -> str:
        character = found.group()
        return character if character in keep else character.encode("unicode_escape").decode()

    return UNSAFE.sub(escaped, text)


def rounded(number: SupportsFloat) -> str:
    """Returns a number with four digits, or without a fraction from 10,000 on.

    >>> rounded(0.98125), rounded(12345.6), rounded(1e20)
    ('0.9812', '12,346', '1e+20')
    """
    value = float(number)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def in_utf8(value: Any) -> Any:
    r"""Returns a text with lone surrogates escaped, which UTF-8 can't encode; others as they are.

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
