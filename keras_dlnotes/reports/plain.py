"""Values as text, in Markdown and with a × between."""

import re
from collections.abc import Sequence
from typing import Any

from keras_dlnotes.common.printable import printable

# what Markdown gives a meaning; within a word `_` has none
MARKS = re.compile(r"[\\`*\[\]<>|~&$!#]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.")


def markdown(text: str) -> str:
    r"""Returns the text as Markdown that stands for it.

    >>> print(markdown("conv_1 | *new*"))
    conv_1 \| \*new\*
    """
    return MARKS.sub(lambda found: f"\\{found.group()}", printable(text))


def axes_text(entries: Sequence[Any] | None, unbounded: str) -> str:
    """Returns an entry for each axis with a × between; `unbounded` stands for None.

    >>> axes_text((3, None), "all"), axes_text((None, None), "all"), axes_text(None, "all")
    ('3 × all', 'all', 'unknown')
    """
    if entries is None:
        return "unknown"
    if all(entry is None for entry in entries):
        return unbounded if entries else "–"
    return " × ".join(unbounded if entry is None else str(entry) for entry in entries)
