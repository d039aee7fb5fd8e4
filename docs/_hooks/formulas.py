"""Formulas as MathML, which browsers draw by themselves: no script, and no network.

A formula needs a font with a table of mathematical sizes, which not every machine has; the site
brings its own, cut down to the characters that formulas are made of.
"""

import html
import io
import re
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from latex2mathml.converter import convert
from mkdocs.structure.files import File

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
FONT = "fonts/formulas.woff"
CHARACTERS = (  # first and last
    (0x20, 0x7E),  # letters and digits
    (0xA0, 0xFF),
    (0x302, 0x302),  # hats
    (0x370, 0x3FF),  # Greek
    (0x2010, 0x209F),  # dashes, primes, invisible operators
    (0x210E, 0x210E),  # h
    (0x2190, 0x22FF),  # arrows, operators
    (0x2308, 0x230B),  # ⌈⌉⌊⌋
    (0x27E8, 0x27EB),  # ⟨⟩
    (0x1D434, 0x1D467),  # italics
    (0x1D6E2, 0x1D71B),  # Greek ones
)


def on_files(files, config):
    """Adds the font."""
    files.append(File.generated(config, FONT, content=font()))
    return files


def on_page_content(page_html, page, config, files):
    """Turns what arithmatex has marked as LaTeX into MathML."""
    return FORMULA.sub(_formula, page_html)


def _formula(match):
    tag, bracket, latex = match.groups()
    display = "block" if bracket == "[" else "inline"
    return f'<{tag} class="formula">{convert(html.unescape(latex), display=display)}</{tag}>'


def font():
    """STIX Two Math, which the package ziamath brings, of these characters alone, as WOFF."""
    options = subset.Options(layout_features=["*"], notdef_outline=True)
    package = Path(find_spec("ziamath").origin).parent
    whole = subset.load_font(package / "fonts" / "STIXTwoMath-Regular.ttf", options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[x for first, last in CHARACTERS for x in range(first, last + 1)])
    subsetter.subset(whole)
    whole.flavor = "woff"
    content = io.BytesIO()
    whole.save(content)
    return content.getvalue()
