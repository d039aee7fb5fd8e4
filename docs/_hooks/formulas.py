"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(page_html, page, config, files):
    """Turns what arithmatex has marked as LaTeX into MathML."""
    return FORMULA.sub(_formula, page_html)


def _formula(match):
    tag, bracket, latex = match.groups()
    display = "block" if bracket == "[" else "inline"
    return f'<{tag} class="formula">{convert(html.unescape(latex), display=display)}</{tag}>'
