"""What a model costs, as a table: a row for each layer."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from os import PathLike
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from keras_dlnotes.reports.arrays import axes_text
from keras_dlnotes.reports.plain import markdown, printable

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("name", "kind", "output_shape", "parameters", "multiplications", "flops"),
    *("activation_bytes", "receptive_field", "stride", "calls"),
)
TERMINAL_COLUMNS = (
    *("name", "kind", "output_shape", "parameters", "multiplications", "receptive_field"),
)


@dataclass(frozen=True)
class Row:
    """What one layer costs.

    Args:
        name: Its name, behind the names of the models and layers that it is nested in.
        kind: The name of its class.
        output_shape: Of its first call; None for the batch.
        parameters: All its numbers that training or its statistics change; shared ones count once.
        multiplications: Of all its calls; None if there is no rule for it.
        activation_bytes: The memory of all its outputs.
        receptive_field: How many positions of each input axis an output of its first call depends
            on, None standing for all; None instead of a tuple if a layer up to here has no rule.
        stride: How far the receptive field moves from one output to the next, likewise.
        calls: How often it is called.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    multiplications: int | None
    activation_bytes: int
    receptive_field: tuple[int | None, ...] | None
    stride: tuple[int | Fraction | None, ...] | None
    calls: int = 1

    @property
    def flops(self) -> int | None:
        """Two for each multiplication, which is one of a multiply-add."""
        return None if self.multiplications is None else 2 * self.multiplications

    def as_dict(self) -> dict[str, Any]:
        """Returns the values by column."""
        values = asdict(self) | {"flops": self.flops}
        return {name: values[name] for name in COLUMNS}


@dataclass(frozen=True)
class Report:
    """What a model costs, and each of its layers.

    Args:
        title: The model's name.
        rows: One for each layer, in the order of the first calls.
        total: All rows together; its receptive field is that of the model's output.
        unknown: The names of the layers without a rule; `total` lacks their multiplications.
        field_shape: The lengths of the input's axes that receptive fields have an entry for.
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
            path: Where to; the folder must exist.
            savings: What `reports.savings` found for this model, to stand on the page, too.
        """
        from keras_dlnotes.reports.pages.summary_page import summary_page

        summary_page(self, savings).write(path)

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
            side = "left" if name in ("name", "kind", "output_shape") else "right"
            heading = name.replace("_", " ")
            table.add_column(heading, _plain(footer[name]), justify=side, no_wrap=name == "name")
        for row in self.rows:
            shown = texts(row)
            table.add_row(*(_plain(shown[name]) for name in TERMINAL_COLUMNS))
        return table


def texts(row: Row) -> dict[str, str]:
    """Returns a row as a reader sees it.

    >>> row = Row("conv", "Conv2D", (None, 8, 8, 4), 112, 6912, 1024, (3, None), (1, None))
    >>> list(texts(row).values())[2:]
    ['8 × 8 × 4', '112', '6,912', '13,824', '1,024', '3 × all', '1 × –', '1']
    """
    values = row.as_dict()
    return {
        **{name: _number(value) for name, value in values.items()},
        "name": row.name,
        "kind": row.kind,
        "output_shape": product_text(row.output_shape[1:]),
        "receptive_field": axes_text(row.receptive_field, "all"),
        "stride": axes_text(row.stride, "–"),
    }


def _plain(text: str, style: str = "") -> Text:
    return Text(printable(text), style)


def product_text(lengths: Sequence[int | None]) -> str:
    """Returns lengths with a × between them; one that is open is a question mark."""
    return " × ".join("?" if length is None else str(length) for length in lengths) or "–"


def _number(value: Any) -> str:
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
