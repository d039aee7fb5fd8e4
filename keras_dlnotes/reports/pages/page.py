"""A report page: one HTML file that needs nothing but itself."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Self

import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from keras_dlnotes.common import checks
from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.files import write_text
from keras_dlnotes.common.printable import printable, rounded
from keras_dlnotes.reports.plots.theme import DARK

FOLDER = Path(__file__).parent
STYLES = ("page.css", "figures.css", "tables.css")
# A drawing larger than this, of many photographs for instance, is embedded as pixels.
LARGEST_DRAWING = 300_000  # bytes
PIXELS_PER_INCH = 160
UNKNOWN_TO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # in names of layers
WEBP_QUALITY = 85  # of 100: text stays crisp, at a quarter of a PNG's size or less


@dataclass(frozen=True)
class Cell:
    """What a table shows of a value and, if it is a number, its full precision for sorting."""

    text: str
    number: str = ""


class Page:
    """A page of key figures, text, tables and plots, in the order they are added.

    The page is one file that loads nothing else, which its Content-Security-Policy enforces. It
    follows the reader's choice of light or dark. Its tables sort on a click or the Enter key on a
    heading, and its figures open in full size.

    Args:
        title: The heading of the page, and the title of its window.
        subtitle: One line below the heading.

    Every `add_...` method returns the page itself, so that calls can be chained.

    >>> page = Page("digits", "a small network").add_facts({"accuracy": 0.98125, "epochs": 12})
    >>> "0.9812" in page.render()
    True
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = checks.text("title", title, empty=True)
        self.subtitle = checks.text("subtitle", subtitle, empty=True)
        self._parts: list[tuple[str, Any]] = []

    def add_heading(self, text: str) -> Self:
        """Adds the heading of a section."""
        return self._add("heading", checks.text("text", text, empty=True))

    def add_text(self, text: str) -> Self:
        """Adds plain text; an empty line starts a new paragraph."""
        paragraphs = checks.text("text", text, empty=True).split("\n\n")
        return self._add("text", [paragraph for paragraph in paragraphs if paragraph])

    def add_facts(self, facts: Mapping[str, Any]) -> Self:
        """Adds key figures, each above its name.

        Args:
            facts: Numbers or short texts by name. A fraction is rounded to four digits.

        Raises:
            ValueError: If there are none.
        """
        checks.mapping("facts", facts, "of names to values")
        return self._add("facts", {name: _cell(value).text for name, value in facts.items()})

    def add_table(
        self, table: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]], caption: str
    ) -> Self:
        """Adds a sortable table.

        Args:
            table: Its rows, each a mapping from column names to values, or its columns: lists of
                the same length by name. A value that a row lacks is left blank.
            caption: What the table shows, in a few words.

        Raises:
            ValueError: If there is no row or no column, or the columns differ in length.
        """
        checks.text("caption", caption, empty=True)
        columns, rows = _columns_and_rows(table)
        cells = [[_cell(value) for value in row] for row in rows]
        numeric = [
            all(cell.number for cell in column if cell.text) for column in zip(*cells, strict=True)
        ]
        heads = list(zip(columns, numeric, strict=True))
        return self._add("table", {"caption": caption, "heads": heads, "rows": cells})

    def add_figure(
        self, figure: Figure, caption: str, alt: str, look_for: str = "", see: str = ""
    ) -> Self:
        """Adds a figure, as a drawing or, where that would be large, as pixels.

        Args:
            figure: Any matplotlib figure. Those of this package follow a dark page.
            caption: What stands below the figure.
            alt: What the figure shows, for readers who can't see it.
            look_for: What a reader should look for in it, if anything.
            see: The page of the documentation that explains it, if any.

        Raises:
            ValueError: If the alternative text is empty.
        """
        if not isinstance(figure, Figure):
            raise argument_error("figure", "a matplotlib figure", figure)
        checks.text("caption", caption, empty=True)
        if not checks.text("alt", alt, empty=True).strip():
            raise argument_error("alt", "a text that says what the figure shows", alt)
        width, height = (round(inches * 96) for inches in figure.get_size_inches())
        picture = {"source": _source(figure), "width": width, "height": height}
        texts = {"look_for": look_for, "see": see}
        for name, value in texts.items():
            checks.text(name, value, empty=True)
        return self._add("figure", picture | {"caption": caption, "alt": alt} | texts)

    def add_passages(self, passages: Mapping[str, str], caption: str) -> Self:
        """Adds texts with their spaces and line breaks, such as those that a model generates.

        Args:
            passages: Texts by name.
            caption: What they show.

        Raises:
            ValueError: If there are none.
        """
        checks.mapping("passages", passages, "of names to texts")
        for name, passage in passages.items():
            checks.text(f"passages[{name!r}]", passage, empty=True)
        checks.text("caption", caption, empty=True)
        return self._add("passages", {"texts": dict(passages), "caption": caption})

    def render(self, reload: int | None = None) -> str:
        """Returns the page as HTML.

        Args:
            reload: Seconds after which a browser loads the page again; None for never.
        """
        if reload is not None:
            checks.integer("reload", reload, 1)
        return _template().render(
            title=self.title, subtitle=self.subtitle, parts=self._parts, reload=reload
        )

    def write(self, path: str | PathLike) -> None:
        """Writes the page to a file, atomically.

        Args:
            path: Where to; the folder must exist, and an older file is replaced.

        Raises:
            OSError: If the file can't be written.
        """
        write_text(checks.path("path", path), self.render())

    def _add(self, kind: str, content: Any) -> Self:
        self._parts.append((kind, content))
        return self


def _columns_and_rows(table: Any) -> tuple[list[str], list[list[Any]]]:
    if isinstance(table, Mapping):
        for name, values in table.items():
            checks.sequence(f"table[{name!r}]", values, "values")
        lengths = {name: len(values) for name, values in table.items()}
        if len(set(lengths.values())) > 1:
            raise argument_error("table", "columns of the same length", lengths, part="lengths")
        columns = list(table)
        rows = [list(row) for row in zip(*table.values(), strict=True)]
    else:
        for row in checks.sequence("table", table, "rows"):
            checks.mapping("table", row, "from the names of columns to values, for each row")
        columns = list(dict.fromkeys(name for row in table for name in row))
        rows = [[row.get(name) for name in columns] for row in table]
    if not columns or not rows:
        raise argument_error("table", "at least one column and one row", table)
    return columns, rows


def _cell(value: Any) -> Cell:
    if value is None:
        return Cell("")
    if isinstance(value, bool) or not isinstance(value, Real):
        return Cell(str(value))
    if isinstance(value, Integral):
        text, number = f"{value:,}", str(int(value))
    else:
        text, number = rounded(value), str(float(value)).replace("inf", "Infinity")
    return Cell(text.replace("-", "−"), number)


def _source(figure: Figure) -> str:
    drawing = _drawing(figure)
    if len(drawing) <= LARGEST_DRAWING:
        return _data_uri("image/svg+xml", drawing)
    pixels = BytesIO()
    quality = {"quality": WEBP_QUALITY}
    figure.savefig(pixels, format="webp", dpi=PIXELS_PER_INCH, pil_kwargs=quality)
    return _data_uri("image/webp", pixels.getvalue())


def _drawing(figure: Figure) -> bytes:
    """Returns the figure as SVG whose colours of `DARK` change with the reader's colour scheme."""
    buffer = BytesIO()
    # Without a date and with constant identifiers, the same run gives the same page.
    with matplotlib.rc_context({"svg.hashsalt": "keras_dlnotes"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = UNKNOWN_TO_XML.sub("", buffer.getvalue().decode())
    light, dark = "", ""
    for number, (light_colour, dark_colour) in enumerate(DARK.items()):
        svg = svg.replace(light_colour, f"var(--colour-{number})")
        light += f"--colour-{number}:{light_colour};"
        dark += f"--colour-{number}:{dark_colour};"
    style = f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return svg.replace("</svg>", f"<style>{style}</style></svg>").encode()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    files = {"css": STYLES, "js": ("page.js",)}
    inline = {
        kind: "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)
        for kind, names in files.items()
    }
    hashes = {f"{name}_hash": _content_hash(text) for name, text in inline.items()}
    trusted = {name: Markup(text) for name, text in inline.items()}
    return environment.get_template("page.html", globals=trusted | hashes)


def _finalize(value: Any) -> Any:
    """Escapes control characters and marks of direction in plain text."""
    return printable(value, keep="\n\t") if type(value) is str else value


def _content_hash(text: str) -> str:
    """Returns the source expression by which a Content-Security-Policy admits an inline text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
