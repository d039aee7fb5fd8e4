"""The page of all examples, and `@example NAME`, which shows one where it belongs."""

import ast
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

DOCS = Path(__file__).parents[1]
EXAMPLES = DOCS.parent / "examples"
PAGE = "examples.md"
DIRECTIVE = re.compile(r"^@example (\w+)$", re.MULTILINE)

INTRODUCTION = """# Examples

Each is a script in `examples/` that runs by itself, in seconds or a few minutes:
`python examples/padding_and_stride.py`."""


def on_files(files, config):
    """Adds the page, as if it lay beside the others."""
    names = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    content = "\n\n".join([INTRODUCTION, *map(section, names)])
    files.append(File.generated(config, PAGE, content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Puts a picture and a link where a page names an example."""
    folder = posixpath.dirname(page.file.src_uri)
    return DIRECTIVE.sub(lambda match: shown(match[1], folder), markdown)


def described(name):
    """The source of an example, its first line and the rest of what it says of itself."""
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    title, _, text = ast.get_docstring(ast.parse(source)).partition("\n\n")
    return source, title, text


def picture(name, title, folder):
    """An example's picture as Markdown, from a page in this folder; nothing where it has none."""
    path = f"images/examples/{name}.webp"
    if not (DOCS / path).is_file():
        return ""
    return f"![{title}]({posixpath.relpath(path, folder or '.')}){{ loading=lazy }}\n\n"


def section(name):
    """An example on the page of all."""
    source, title, text = described(name)
    code = "\n".join(f"    {line}".rstrip() for line in source.splitlines())
    return (
        f"## {title.rstrip('.')} {{ #{name} }}\n\n{text}\n\n{picture(name, title, '')}"
        f'??? example "examples/{name}.py"\n\n    ```python\n{code}\n    ```'
    )


def shown(name, folder):
    """An example on a page in this folder."""
    _, title, _ = described(name)
    link = posixpath.relpath(PAGE, folder or ".")
    return f"{picture(name, title, folder)}*Example: [{title.rstrip('.')}]({link}#{name}).*"
