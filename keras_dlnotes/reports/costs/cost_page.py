"""The page that shows what a model costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_dlnotes.reports.costs.row import Row, product_text, texts
from keras_dlnotes.reports.pages.page import Page
from keras_dlnotes.reports.plots.cost_plots import plot_costs, plot_receptive_fields

if TYPE_CHECKING:
    import pandas

DEFINITIONS = (
    "Multiplications are products of inputs and weights, and of inputs with each other, for one "
    "example at inference. Bias, additions, comparisons, activation functions and batch "
    "normalization are left out. A multiply-add is two FLOPs.\n\n"
    "The receptive field is the part of the input that one output depends on; “all” stands for the "
    "whole input. Where branches meet, it is what any of them sees."
)


SAVINGS = (
    "A depthwise-separable convolution makes 1/N + 1/D_k² of the multiplications of a normal one "
    "with N kernels of D_k × D_k; a spatially separable one is a D_k × 1 convolution and then a "
    "1 × D_k one. Measured ratios are those of the times of a forward pass on this machine: where "
    "memory, not arithmetic, takes the time, less time is saved than the counts say."
)


def cost_page(
    title: str,
    rows: Sequence[Row],
    total: Row,
    remark: str,
    field_shape: Sequence[int],
    savings: "pandas.DataFrame | None" = None,
) -> Page:
    """Lays out the totals, where they come from, what the layers see, and every layer."""
    shown = texts(total)
    page = Page(title, "What this model costs and what it sees")
    page.add_facts(
        {
            **_headline(total.parameters, "parameters"),
            **_headline(total.multiplications or 0, "multiplications"),
            **_headline(total.flops or 0, "FLOPs"),
            "MB of activations": total.activation_bytes / 1e6,
            "receptive field": shown["receptive_field"],
        }
    )
    if remark:
        page.add_text(f"{remark} The totals are those of the other layers.")
    page.add_heading("Where it comes from")
    page.add_figure(
        plot_costs(
            [row.name for row in rows],
            [float("nan") if row.multiplications is None else row.multiplications for row in rows],
            [row.parameters for row in rows],
        ),
        "The layers with the largest shares of the multiplications or of the parameters, in their "
        "order.",
        "Bars of each layer's share of the multiplications and of the parameters.",
        "Layers with many of one and few of the other. A convolution uses its weights at every "
        "place of a large map, a dense layer uses each of its many weights once.",
        "derivations/separable.md#counting",
    )
    fields = {row.name: row.receptive_field for row in rows if row.receptive_field}
    if fields and field_shape:
        page.add_heading("What it sees")
        page.add_figure(
            plot_receptive_fields(field_shape, fields),
            "The receptive field of the layers, centred on the input of "
            f"{product_text(field_shape)}, dotted. A layer is named where the size is new.",
            "Frames that grow from layer to layer around the middle of the input.",
            "Whether the last frame is as large as what the network has to recognize. Behind a "
            "stride or a pooling, each layer widens the frame by more.",
            "concepts/images.md#receptive-field",
        )
    if savings is not None:
        page.add_heading("What separable convolutions would save")
        page.add_table(savings_columns(savings), "In place of each normal convolution")
        page.add_text(SAVINGS)
    page.add_heading("Layers")
    page.add_table([_cells(texts(row), row) for row in rows], "Every layer, for one example")
    return page.add_text(DEFINITIONS)


def _headline(count: int, name: str) -> dict[str, int | float]:
    """Returns a count under its name, short enough for a headline: 3.858, "billion parameters"."""
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if count >= size:
            return {f"{word} {name}": count / size}
    return {name: count}


def savings_columns(savings: "pandas.DataFrame") -> dict[str, list[object]]:
    """Returns the columns of a data frame of savings as a reader sees them."""
    return {
        name.replace("_", " "): [None if value != value else value for value in column]
        for name, column in savings.astype(object).items()
        if name not in ("normal_ms", "depthwise_ms", "spatial_ms")
    }


def _cells(shown: dict[str, str], row) -> dict[str, object]:
    def number(value: int | None) -> int | str:
        return "unknown" if value is None else value

    return {
        "layer": row.name,
        "multiplications": number(row.multiplications),
        "parameters": row.parameters,
        "FLOPs": number(row.flops),
        "bytes of activations": row.activation_bytes,
        "output": shown["output_shape"],
        "receptive field": shown["receptive_field"],
        "stride": shown["stride"],
        "kind": row.kind,
        "calls": row.calls,
    }
