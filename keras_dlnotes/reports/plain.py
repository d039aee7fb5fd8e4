r"""Names as text, whatever stands in them: nothing in a terminal, a page or Markdown obeys them."""

import re

# control characters, separators, marks of direction, halves of characters
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# what Markdown gives a meaning; within a word `_` has none
MARKS = re.compile(r"[\\`*\[\]<>|~&$!#]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.")


def printable(text: str, keep: str = "") -> str:
    r"""Returns the text with what a terminal obeys escaped, but for the characters to keep.

    >>> print(printable("a\x1b[31m\n"))
    a\x1b[31m\n
    """

    def shown(found: re.Match) -> str:
        character = found.group()
        return character if character in keep else character.encode("unicode_escape").decode()

    return OBEYED.sub(shown, text)


def markdown(text: str) -> str:
    r"""Returns the text as Markdown that stands for it.

    >>> print(markdown("conv_1 | *new*"))
    conv_1 \| \*new\*
    """
    return MARKS.sub(lambda found: f"\\{found.group()}", printable(text))
