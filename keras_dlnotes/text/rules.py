"""The tokenizer that does not learn: words, numbers and word parts that English is known for."""

import functools
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Self

from keras_dlnotes.text.checks import argument_error, unicode_text
from keras_dlnotes.text.tokenizer import Tokenizer

# Any change of what follows changes the ids, and so needs another number here.
EDITION = 1

# The words that English is full of, whatever a text is about.
WORDS = """
    a about after again against all also always am an and another any are as ask at away back be
    because been before being best better between big both but by call came can case change come
    could day did different do does done down each end enough even every example far few find
    first follow for form found from get give go good great had hand hard has have he head help
    her here high him his home house how however I if important in into is it its just keep kind
    know large last later left less let life like line little live long look made make man many
    may me mean men might more most much must my name need never new next night no not nothing
    now number of off often old on once one only open or order other our out over own part
    people place point put read right said same say school second see seem set she should show
    side since small so some something state still such system take tell than that the their
    them then there these they thing think this those though thought three through time to
    together too took try turn two under until up upon us use used using value very want was
    water way we well went were what when where whether which while who why will with within
    without word words work world would write year yes yet you young your
"""

# Beginnings and endings of English words, and the letters that most often stand side by side.
PARTS = """
    able age ance ant ard ary ate ation con com dis ence ent ess est ever ful ght ial ible ical
    ied ies ight ing ings ious ish ism ist ity ive less ment ments ness ing ough ould ound ous
    over per port pre pro ship sion ter ther tion tions tive tor tra trans ture ual und under
    unt ward all ally and any are art der ere ers est for her his hen iet ine ith min mis not
    nde nter one ort our out per rea rec res str sub the ted tha thi ver via was wit you ab ac
    ad ag ai al am an ap ar as at au av aw ay ba be bi bl bo br bu by ca ce ch ci ck cl co cr ct
    cu da de di do dr du ea ec ed ee ef eg ei el em en ep er es et ev ew ex ey fa fe ff fi fl fo
    fr fu ga ge gh gi gl go gr gu ha he hi ho hu ia ib ic id ie if ig il im in io ip ir is it iv
    ke ki ky la ld le lf li ll lo ls lt lu ly ma mb me mi mm mo mp mu my na nc nd ne nf ng ni nk
    nn no ns nt nu ny ob oc od of oi ok ol om on oo op or os ot ou ov ow oy pa pe ph pi pl po pp
    pr pt pu qu ra rc rd re ri rk rl rm rn ro rr rs rt ru ry sa sc se sh si sk sl sm so sp ss st
    su sw ta te th ti tl to tr tt tu tw ty ub uc ud ue ui ul um un up ur us ut va ve vi vo wa we
    wh wi wn wo wr ye yo ys ze
"""

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Signs beyond ASCII that English texts contain; one token each.
SIGNS = "".join(map(chr, range(0xA0, 0x100))) + "–—‘’“”†•…‰€™−×→"
REPEATED = [sign * count for sign in " \n-=.*#_" for count in (2, 3, 4, 8, 16)]

# A word with the blank before it, two digits, or a run of one and the same sign. The limits bound
# what is remembered of a run.
RUN = re.compile(r" ?[^\W\d_]{1,64}|\d\d?|([\W_])\1{0,63}")


class RuleTokenizer(Tokenizer):
    """Pieces of text that rules find, without any learning.

    1. The text is cut where the kind of its characters changes: into words with the blank before
       them, pairs of digits, runs of the same sign, single signs.
    2. A word of the list of frequent English words is one token, small, capitalized or in capitals.
       Of any other, the longest known beginning is cut off, over and over: parts such as "tion",
       pairs such as "th", or one letter.
    3. A character beyond ASCII and the signs of English texts is written as the bytes of its UTF-8.

    The lists are the same in every text and every program, and so are the ids.

    Args:
        special_tokens: names of the special tokens that follow "<pad>", which is id 0.

    Reference:
        Lecture notes, "Tokens".

    Example:

    >>> tokenizer = RuleTokenizer()
    >>> tokenizer.tokens("I will watch the football match.")
    ['I', ' will', ' w', 'at', 'ch', ' the', ' f', 'oo', 't', 'ba', 'll', ' m', 'at', 'ch', '.']
    >>> tokenizer.decode(tokenizer.encode("naïve ☂"))
    'naïve ☂'
    """

    def __init__(self, special_tokens: Sequence[str] = ("<start>", "<end>")):
        super().__init__(special_tokens)
        self._set_pieces([piece.encode() for piece in _NUMBERS])

    def encode(self, text: str) -> list[int]:
        first = self.first_byte_id
        runs = (match.group() for match in RUN.finditer(unicode_text("text", text)))
        return [first + number for run in runs for number in _numbers(run)]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edition": EDITION}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        if config.pop("edition", None) != EDITION:
            raise argument_error("edition", f"{EDITION}, that of these rules", config)
        return super().from_config(config)


def _spellings(word: str) -> Iterator[str]:
    """The word small, capitalized and in capitals, each with and without a blank before it."""
    for blank, form in product(("", " "), (word, word.capitalize(), word.upper())):
        yield blank + form


_WHOLE = {spelling for word in WORDS.split() for spelling in _spellings(word)}
_PARTS = {
    *PARTS.split(),
    *(f" {letter}" for letter in LETTERS),
    *(f"{tens}{ones}" for tens, ones in product("0123456789", repeat=2)),
    *SIGNS,
    *REPEATED,
}
_LONGEST = max(map(len, _PARTS))
# a piece of one byte is a token already, with a number from 0 to 255
_PIECES = sorted(piece for piece in _WHOLE | _PARTS if len(piece.encode()) > 1)
_NUMBERS = {piece: number for number, piece in enumerate(_PIECES, start=256)}


@functools.lru_cache(maxsize=1 << 16)
def _numbers(run: str) -> tuple[int, ...]:
    """The numbers of a run's tokens, counted from the first byte."""
    if run in _WHOLE:
        return _number(run)
    numbers: list[int] = []
    while run:
        lengths = range(min(_LONGEST, len(run)), 0, -1)
        length = next((length for length in lengths if run[:length] in _PARTS), 1)
        numbers += _number(run[:length])
        run = run[length:]
    return tuple(numbers)


def _number(piece: str) -> tuple[int, ...]:
    number = _NUMBERS.get(piece)
    return tuple(piece.encode()) if number is None else (number,)
