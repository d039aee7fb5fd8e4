"""`@source PATH NAME`, alone on a line, becomes the source of that function, as it is used."""

import ast
import re
import textwrap
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "keras_dlnotes"
DIRECTIVE = re.compile(r"^@source (\S+) (\S+)$", re.MULTILINE)


def on_page_markdown(markdown, page, config, files):
    """Puts the sources in."""
    return DIRECTIVE.sub(lambda match: fenced(*match.groups()), markdown)


def fenced(path, name):
    """The source of one function, class or method, as a block of Markdown."""
    text = (PACKAGE / path).read_text(encoding="utf-8")
    body = ast.parse(text).body
    for part in name.split("."):
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            raise ValueError(f"keras_dlnotes/{path} has no {name}")
        body = found[0].body
    source = textwrap.dedent(" " * found[0].col_offset + ast.get_source_segment(text, found[0]))
    return f'```python title="keras_dlnotes/{path}"\n{source}\n```'
