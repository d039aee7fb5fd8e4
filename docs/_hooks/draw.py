"""`@drawing NAME`, alone on a line, becomes the drawing of that name."""

import re

from drawings import DRAWINGS  # its neighbour, which MkDocs lets a hook import

DIRECTIVE = re.compile(r"^@drawing (\w+)$", re.MULTILINE)


def on_page_markdown(markdown, page, config, files):
    """Puts the drawings in."""
    return DIRECTIVE.sub(lambda match: drawn(match[1]), markdown)


def drawn(name):
    """A drawing as HTML; one that there isn't ends the build."""
    if name not in DRAWINGS:
        raise ValueError(f"no drawing is called {name}; there are {', '.join(sorted(DRAWINGS))}")
    return DRAWINGS[name]().html(name)
