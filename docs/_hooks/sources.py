"""Lines that become the source of a function, as it is used, each alone on its line.

`@source PATH NAME` shows one of the package, `@fast PATH NAME` the same folded, and `@loop PATH
NAME` one of the tests' plain loops, which the fast code is compared with.
"""

import ast
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {"source": "keras_dlnotes", "fast": "keras_dlnotes", "loop": "tests"}
DIRECTIVE = re.compile(r"^@(source|fast|loop) (\S+) (\S+)$", re.MULTILINE)


def on_page_markdown(markdown, page, config, files):
    """Puts the sources in."""
    return DIRECTIVE.sub(lambda match: shown(*match.groups()), markdown)


def shown(kind, path, name):
    """The block of one directive, as Markdown."""
    path = f"{FOLDERS[kind]}/{path}"
    block = fenced(path, name)
    if kind != "fast":
        return block
    return f'??? example "The fast code: `{name}`"\n\n{textwrap.indent(block, "    ")}'


def fenced(path, name):
    """The source of one function, class or method, as a block of Markdown."""
    text = (ROOT / path).read_text(encoding="utf-8")
    body = ast.parse(text).body
    for part in name.split("."):
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            raise ValueError(f"{path} has no {name}")
        body = found[0].body
    source = textwrap.dedent(" " * found[0].col_offset + ast.get_source_segment(text, found[0]))
    return f'```python title="{path}"\n{source}\n```'
