"""What a model costs: a row for each layer."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import prod
from os import PathLike
from typing import TYPE_CHECKING, Any

import keras
from rich.table import Table

from keras_dlnotes.reports.arrays import argument_error, axes_text
from keras_dlnotes.reports.fields import Fields
from keras_dlnotes.reports.rules import find_cost
from keras_dlnotes.reports.trace import Step, Trace, trace

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
        lines += [list(texts(row).values()) for row in (*self.rows, self.total)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{table}\n\n{self.remark}" if self.unknown else table

    def to_html(self, path: str | PathLike) -> None:
        """Writes the report as one self-contained page; the folder must exist."""
        from keras_dlnotes.reports.summary_page import summary_page

        summary_page(self).write(path)

    @property
    def remark(self) -> str:
        """Says which layers have no rule, if any."""
        if not self.unknown:
            return ""
        return f"Not counted, because there is no rule for them: {', '.join(self.unknown)}."

    def __rich__(self) -> Table:
        """Shows the columns that fit a terminal, with the total below."""
        table = Table(title=self.title, caption=self.remark or None, show_footer=True, box=None)
        footer = texts(self.total)
        for name in TERMINAL_COLUMNS:
            side = "left" if name in ("name", "kind", "output_shape") else "right"
            heading = name.replace("_", " ")
            table.add_column(heading, footer[name], justify=side, no_wrap=name == "name")
        for row in self.rows:
            shown = texts(row)
            table.add_row(*(shown[name] for name in TERMINAL_COLUMNS))
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


def product_text(lengths: Sequence[int | None]) -> str:
    """Returns lengths with a × between them; one that is open is a question mark."""
    return " × ".join("?" if length is None else str(length) for length in lengths) or "–"


def _number(value: Any) -> str:
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def summarize(model: keras.Model, input_shape: Any = None, batch_size: int = 1) -> Report:
    """Returns what a model costs, layer by layer, without running it.

    A convolution with a D_k×D_k kernel makes D_k²·M·D_p²·N multiplications for M input channels and
    N output channels of D_p×D_p positions, an LSTM T·(4U(D+U) + 3U); what is counted is written
    down in `reports/rules`. A multiply-add is two FLOPs.

    Nested models, layers made of layers, and wrappers are unfolded; a shared layer is one row with
    the multiplications of all its calls. Layers act as at inference.

    Args:
        model: Any Keras model; a subclassed one is seen through if its `call` takes symbolic
            tensors. One that isn't built yet gets built for the input shape.
        input_shape: The lengths without the batch, as (height, width, channels); for several inputs
            a list of them or a mapping from input names. Needed where the model leaves a length
            open, as that of a sequence.
        batch_size: How many examples the multiplications and activations are counted for.

    Returns:
        The report. A layer without a rule is listed in its `unknown` and has None multiplications,
        never zero; `reports.rule` adds one.

    Raises:
        ValueError: If the model is none, the shape does not suit it, or a length is not known.

    Reference:
        Lecture notes, "Depthwise Separable Convolution", total multiplications.

    >>> model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(1, 5)])
    >>> summarize(model).total.multiplications == 5**2 * 3 * 8**2 * 1
    True
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise argument_error("batch_size", "an integer ≥ 1", f"batch_size={batch_size!r}")
    traced = trace(model, input_shape, lambda layer: find_cost(layer) is not None, batch_size)
    accounts = _accounts(traced)
    fields = Fields(traced)
    open_batch = _has_open_batch(model)
    rows = [account.row(fields, open_batch) for account in accounts]
    unknown = [row.name for row in rows if row.multiplications is None]
    field = fields.describe(traced.outputs[0])
    total = Row(
        name="total",
        kind="",
        output_shape=_shown_shape(traced.outputs[0], open_batch),
        parameters=sum(row.parameters for row in rows),
        multiplications=sum(row.multiplications or 0 for row in rows),
        activation_bytes=sum(row.activation_bytes for row in rows),
        receptive_field=field and field.size,
        stride=field and field.stride,
        calls=sum(row.calls for row in rows),
    )
    shape = tuple(traced.inputs[0].shape[axis] for axis in fields.axes)
    return Report(model.name, rows, total, unknown, shape)


@dataclass
class _Account:
    """What is added up for one layer."""

    step: Step
    parameters: int = 0
    multiplications: int | None = 0
    activation_bytes: int = 0
    calls: int = 0

    def row(self, fields: Fields, open_batch: bool) -> Row:
        field = fields.describe(self.step.outputs[0])
        return Row(
            name=self.step.name or self.step.operation.name,
            kind=type(self.step.operation).__name__,
            output_shape=_shown_shape(self.step.outputs[0], open_batch),
            parameters=self.parameters,
            multiplications=self.multiplications,
            activation_bytes=self.activation_bytes,
            receptive_field=field and field.size,
            stride=field and field.stride,
            calls=self.calls,
        )


def _accounts(traced: Trace) -> list[_Account]:
    containers = {id(step.operation): step for step in reversed(traced.containers)}
    accounts: dict[int, _Account] = {}
    for step in traced.steps:
        if not step.counted or _is_mask(step):
            continue
        key = id(step.owner)
        account = accounts.setdefault(key, _Account(containers.get(key, step)))
        cost = _cost(step)
        if cost is None or account.multiplications is None:
            account.multiplications = None
        else:
            account.multiplications += cost
        if step.operation is step.owner:
            account.calls += 1
            account.activation_bytes += _activation_bytes(step)
    seen: set[int] = set()
    for key, account in accounts.items():
        if key not in containers:
            account.parameters = _new_parameters(account.step.owner, seen)
    # What a container has for itself is what none of those inside it has.
    for key, step in reversed(containers.items()):
        account = accounts.setdefault(key, _Account(step))
        account.parameters = _new_parameters(step.operation, seen)
        account.calls = sum(other.operation is step.operation for other in traced.containers)
    return [
        account
        for key, account in accounts.items()
        if key not in containers or account.parameters or account.multiplications != 0
    ]


def _is_mask(step: Step) -> bool:
    """Tells whether a plain operation computes what a layer's mask is made of."""
    return not isinstance(step.operation, keras.Layer) and step.outputs[0].dtype == "bool"


def _cost(step: Step) -> int | None:
    shapes = [tuple(operand.shape) for operand in step.operands]
    output_shape = tuple(step.outputs[0].shape)
    if step.times is None or None in {length for s in (*shapes, output_shape) for length in s}:
        expected = f"given with all its lengths, one of which layer {step.name!r} needs"
        raise argument_error("input_shape", expected, f"inputs of shape {_plain(shapes)}")
    rule = find_cost(step.operation)
    if rule is None:
        return None
    cost = rule(step.operation, _plain(shapes), output_shape)
    return None if cost is None else int(cost) * step.times


def _plain(shapes: list) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _activation_bytes(step: Step) -> int:
    return sum(prod(output.shape) * _bytes(output.dtype) for output in step.outputs) * step.times


def _bytes(dtype: str) -> int:
    """Returns the size of one number; a bool takes a byte, and a text none that is known."""
    bits = re.search(r"\d+", dtype)
    return int(bits.group()) // 8 if bits else int(dtype == "bool")


def _new_parameters(operation: Any, seen: set[int]) -> int:
    """Counts the weights of a layer that none before it has."""
    weights: Iterable = getattr(operation, "weights", ())
    new = [weight for weight in weights if id(weight) not in seen]
    seen.update(map(id, new))
    return sum(prod(weight.shape) for weight in new)


def _has_open_batch(model: keras.Model) -> bool:
    inputs = getattr(model, "inputs", None) or ()
    return all(tensor.shape[0] is None for tensor in inputs)


def _shown_shape(tensor: Any, open_batch: bool) -> tuple[int | None, ...]:
    return (None, *tensor.shape[1:]) if open_batch else tuple(tensor.shape)
