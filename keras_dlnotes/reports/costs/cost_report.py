"""What a model costs, as a table: a row for each layer."""

import json
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from keras_dlnotes.common.printable import printable
from keras_dlnotes.reports.costs.cost_page import cost_page
from keras_dlnotes.reports.costs.row import COLUMNS, Row, texts
from keras_dlnotes.reports.plain import markdown

if TYPE_CHECKING:
    import pandas

TERMINAL_COLUMNS = (
    *("name", "kind", "output_shape", "parameters", "multiplications", "receptive_field"),
)


@dataclass(frozen=True)
class Report:
    """What a model and each of its layers cost.

    Args:
        title: The model's name.
        rows: One for each layer, in the order of the first calls.
        total: All rows together; its receptive field is that of the model's output.
        unknown: The names of the layers without a rule; `total` lacks their multiplications.
        field_shape: The lengths of those axes of the input that receptive fields cover.
    """

    title: str
    rows: list[Row]
    total: Row
    unknown: list[str]
    field_shape: tuple[int, ...] = ()

    def to_frame(self) -> "pandas.DataFrame":
        """Returns a pandas DataFrame with a row for each layer."""
        import pandas

        return pandas.DataFrame([row.as_dict() for row in self.rows], columns=list(COLUMNS))

    def to_json(self) -> str:
        """Returns the rows, the total and the names of unknown layers as JSON."""
        content = {
            "title": self.title,
            "rows": [row.as_dict() for row in self.rows],
            "total": self.total.as_dict(),
            "unknown": self.unknown,
        }
        return json.dumps(content, indent=2, default=float)

    def to_markdown(self) -> str:
        """Returns a Markdown table, with the total in its last row."""
        lines = [list(COLUMNS), ["---"] * 3 + ["--:"] * 7]
        for row in (*self.rows, self.total):
            lines.append([markdown(text) for text in texts(row).values()])
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{table}\n\n{markdown(self.remark)}" if self.unknown else table

    def to_html(self, path: str | PathLike, savings: "pandas.DataFrame | None" = None) -> None:
        """Writes the report as one self-contained page.

        Args:
            path: The file to write; its folder must exist.
            savings: The result of `reports.savings` for this model, to be shown as well.
        """
        page = cost_page(self.title, self.rows, self.total, self.remark, self.field_shape, savings)
        page.write(path)

    @property
    def remark(self) -> str:
        """Says which layers have no rule, if any."""
        if not self.unknown:
            return ""
        return f"Not counted, because there is no rule for them: {', '.join(self.unknown)}."

    def __rich__(self) -> Table:
        """Shows the columns that fit a terminal, with the total below."""
        caption = _plain(self.remark, "table.caption") if self.remark else None
        title = _plain(self.title, "table.title")
        table = Table(title=title, caption=caption, show_footer=True, box=None)
        footer = texts(self.total)
        for name in TERMINAL_COLUMNS:
            side: JustifyMethod = "left" if name in ("name", "kind", "output_shape") else "right"
            heading = name.replace("_", " ")
            table.add_column(heading, _plain(footer[name]), justify=side, no_wrap=name == "name")
        for row in self.rows:
            shown = texts(row)
            table.add_row(*(_plain(shown[name]) for name in TERMINAL_COLUMNS))
        return table


def _plain(text: str, style: str = "") -> Text:
    return Text(printable(text), style)
