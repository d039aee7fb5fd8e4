"""Turns this package's docstrings into the Markdown that the pages show.

An indented block is a formula and stays as it is typed; `Args:` and the like become headings, their
entries lists, and lines that begin with `>>>` code.
"""

import inspect
import re
import textwrap

import griffe

SECTION = re.compile(
    r"^(Args|Attributes|Returns|Yields|Raises|Input shape|Output shape|Reference|Example)s?:(.*)$"
)
ENTRY = re.compile(r"^(?! )([\w\s,*`]+(?:\.\w+)*):\s(.*)$")
SPLIT_NAMES = re.compile(r"^(\w[\w ,]*,)\n *(?=\w)", re.MULTILINE)
LISTS = ("Args", "Attributes", "Raises")
CONSTANTS = {
    "STRATEGIES": "The names that `strategy` takes.",
    "TASKS": "All tasks by name, as `dlnotes tasks` lists them.",
}
LONGEST = 78  # characters of a value that is shown


class Docstrings(griffe.Extension):
    """What mkdocstrings runs on each object that it has found."""

    def on_instance(self, *, node, obj, agent, **kwargs):
        """Rewrites the docstring, if there is one; a value has only that of its type."""
        if obj.is_attribute and inspect.getdoc(node.obj) == inspect.getdoc(type(node.obj)):
            obj.docstring = None
        if obj.is_attribute and obj.name in CONSTANTS:
            obj.docstring = griffe.Docstring(CONSTANTS[obj.name], parent=obj)
        if obj.is_attribute and len(str(obj.value)) > LONGEST:
            obj.value = None
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
            if obj.path.startswith("keras_dlnotes.reports.plots.") and obj.name.startswith("plot_"):
                obj.docstring.value = with_picture(obj.name, obj.docstring.value)

    def on_class_members(self, *, node, cls, agent, **kwargs):
        """Gives a class that says itself how it is called a constructor with those parameters.

        The fields of a named tuple are in its docstring.
        """
        for field in getattr(node.obj, "_fields", ()):
            cls.del_member(field)
        signature = getattr(node.obj, "__signature__", None)
        if signature is not None:
            parameters = griffe.Parameters(*map(shown, signature.parameters.values()))
            cls.set_member("__init__", griffe.Function("__init__", parameters=parameters))


def with_picture(name, text):
    """The text of a plot function, with the pictures of `plots.py` below its sentence.

    The theme shows the one for the reader's colour scheme, by what follows #.
    """
    sentence, _, rest = text.partition("\n\n")
    pictures = "".join(
        f'<img src="../images/plots/{name}-{scheme}.svg#only-{scheme}" alt="An example of {name}">'
        for scheme in ("light", "dark")
    )
    return f'{sentence}\n\n<p class="plot">{pictures}</p>\n\n{rest}'


def shown(parameter):
    """A parameter of a signature, as mkdocstrings has it."""
    default = None if parameter.default is parameter.empty else repr(parameter.default)
    kind = griffe.ParameterKind(parameter.kind.description)
    return griffe.Parameter(parameter.name, kind=kind, default=default)


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
            blocks.append(f"```pycon\n{textwrap.dedent(block)}\n```")
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
    for line in SPLIT_NAMES.sub(r"\1 ", block).splitlines():
        found = ENTRY.match(line)
        if found:
            entries.append(f"- `{found[1]}`: {found[2]}")
        else:
            entries.append(f"    {line.strip()}" if entries else line)
    return "\n".join(entries)
