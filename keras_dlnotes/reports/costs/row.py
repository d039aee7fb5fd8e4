"""What one layer costs: a row of the table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from keras_dlnotes.reports.plain import axes_text

COLUMNS = (
    *("name", "kind", "output_shape", "parameters", "multiplications", "flops"),
    *("activation_bytes", "receptive_field", "stride", "calls"),
)


@dataclass(frozen=True)
class Row:
    """What one layer costs.

    Args:
        name: Its name, behind the names of the models and layers that it is nested in.
        kind: The name of its class.
        output_shape: Of its first call; None for the batch.
        parameters: All its weights, trainable or not; shared ones count once.
        multiplications: Of all its calls; None if there is no rule for it.
        activation_bytes: The memory of all its outputs.
        receptive_field: How many positions of each input axis an output of its first call depends
            on, None for all of them; None instead of a tuple if a layer so far has no rule.
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
        """Two for each multiplication, which is half of a multiply-add."""
        return None if self.multiplications is None else 2 * self.multiplications

    def as_dict(self) -> dict[str, Any]:
        """Returns the values by column."""
        values = asdict(self) | {"flops": self.flops}
        return {name: values[name] for name in COLUMNS}


def texts(row: Row) -> dict[str, str]:
    """Returns a row as readable text, by column.

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


def product_text(lengths: Sequence[int | None]) -> str:
    """Returns lengths with a × between them; an open one is a question mark."""
    return " × ".join("?" if length is None else str(length) for length in lengths) or "–"


def _number(value: Any) -> str:
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
