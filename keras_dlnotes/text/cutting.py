"""The rules that split a text into words, numbers and marks.

Python's regular expressions know letters, digits and white space, but neither combining marks nor
scripts: those are listed here.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator

# Scripts without spaces between words: kana, and Chinese characters.
UNSPACED = "々〆〇\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
UNSPACED += "\U00020000-\U0003ffff"

# Modifiers of the character before, beside combining marks: joiners, the soft hyphen, skin tones,
# and the tags in the flags of regions.
MODIFIERS = "\u00ad\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
FLAG_LETTERS = "\U0001f1e6-\U0001f1ff"


def pieces(text: str) -> Iterator[str]:
    """Yields the tokens of the text; joined, they are the text."""
    return (match.group() for match in _expression().finditer(text))


@functools.cache
def _expression() -> re.Pattern[str]:
    letter, digit, sign = rf"[^\W\d_{UNSPACED}]", r"\d", r"(?:[^\w\s]|_)"
    more = f"[{MODIFIERS}{_combining_marks()}]"
    letters = f"(?:{letter}+(?:{more}+{letter}*)*)"
    digits = rf"(?:{digit}+(?:{more}+{digit}*)*)"
    word = f"{letters}(?:['’]{letters})*"
    number = f"{digits}(?:[.,]{digits})*"
    unspaced = f"[{UNSPACED}]{more}*"
    flag = f"[{FLAG_LETTERS}]{{2}}"
    mark = rf"(?P<mark>{sign}{more}*(?:(?<=\u200d){sign}{more}*)*)(?P=mark)*"
    space = r" +(?= \S)|(?:\r\n)+|(?P<space>\s)(?P=space)*"
    return re.compile(f" ?(?:{word}|{number}|{unspaced}|{flag}|{mark})|{space}")


def _combining_marks() -> str:
    """Returns the ranges of all combining characters, for a character class."""
    blocks = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))  # Unicode has none elsewhere
    marks = [
        code
        for block in blocks
        for code in block
        if unicodedata.category(chr(code)).startswith("M")
    ]
    known = set(marks)
    starts = [code for code in marks if code - 1 not in known]
    ends = [code for code in marks if code + 1 not in known]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))
