"""`@drawing NAME`, alone on a line, becomes the drawing of that name."""

import re
from pathlib import Path

from drawings import DRAWINGS  # its neighbour, which MkDocs lets a hook import

DOCS = Path(__file__).parents[1]
DIRECTIVE = re.compile(r"^@drawing (\w+)$", re.MULTILINE)


def on_page_markdown(markdown, page, config, files):
    """Puts the drawings in."""
    return DIRECTIVE.sub(lambda match: drawn(match[1]), markdown)


def drawn(name):
    """A drawing as HTML; one that there isn't ends the build."""
    if name not in DRAWINGS:
        raise ValueError(f"no drawing is called {name}; there are {', '.join(sorted(DRAWINGS))}")
    return DRAWINGS[name]().html(name)


def pages():
    """The page that each drawing stands on."""
    return {
        name: path.relative_to(DOCS).as_posix()
        for path in DOCS.rglob("*.md")
        for name in DIRECTIVE.findall(path.read_text(encoding="utf-8"))
    }


def link(name):
    """A link to a drawing, from a page at the top."""
    return f"[{name.replace('_', ' ')}]({pages()[name]}#drawing-{name})"
