"""Turns this package's docstrings into the Markdown that the pages show.

An indented block is a formula and stays as it is typed; `Args:` and the like become headings, their
entries lists, and lines that begin with `>>>` code.
"""

import re
import textwrap

import griffe

SECTION = re.compile(
    r"^(Args|Attributes|Returns|Yields|Raises|Input shape|Output shape|Reference|Example)s?:(.*)$"
)
ENTRY = re.compile(r"^([\w\s,*`]+(?:\.\w+)*):\s(.*)$")
LISTS = ("Args", "Attributes", "Raises")


class Docstrings(griffe.Extension):
    """What mkdocstrings runs on each object that it has found."""

    def on_instance(self, *, node, obj, agent, **kwargs):
        """Rewrites the docstring, if there is one."""
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text):
    """The docstring as Markdown."""
    blocks, section = [], ""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        heading, _, rest = block.partition("\n")
        found = SECTION.match(heading)
        if found:
            section = found[1]
            blocks.append(f"**{section}**{found[2] and ':' + found[2]}")
            block = textwrap.dedent(rest)
        elif section in LISTS:
            block = textwrap.dedent(block)
        if not block.strip():
            continue
        if block.lstrip().startswith(">>>"):
            blocks.append(f"```python\n{textwrap.dedent(block)}\n```")
        elif section in LISTS and found:
            blocks.append(listed(block))
        elif block.startswith("    "):
            blocks.append(f"```text\n{textwrap.dedent(block)}\n```")
        else:
            blocks.append(block)
    return "\n\n".join(blocks)


def listed(block):
    """`name: text` entries, whose further lines are indented, as a list."""
    entries = []
    for line in block.splitlines():
        found = ENTRY.match(line)
        if found:
            entries.append(f"- `{found[1]}`: {found[2]}")
        else:
            entries.append(f"    {line.strip()}" if entries else line)
    return "\n".join(entries)
