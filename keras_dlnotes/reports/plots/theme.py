"""The look that all figures share, whatever style the user has set in matplotlib.

A figure is ink on paper. The page swaps the colours named in `DARK` where the reader prefers a dark
page; whatever lies on the paper is therefore drawn in these colours or fades to transparency.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterSciNotation

from keras_dlnotes.common.printable import printable

Layout = Literal["constrained", "compressed", "none"]
PAPER = "#fdfdfc"
INK = "#23282e"
MUTED = "#626a73"
RULE = "#d3d7db"
# Two of Okabe and Ito's colours, which people with any colour vision tell apart.
BLUE = "#0072b2"
ORANGE = "#d55e00"

DARK = {
    PAPER: "#1d2126",
    INK: "#e6e9ec",
    MUTED: "#a3abb4",
    RULE: "#434a52",
    BLUE: "#56b4e9",
    ORANGE: "#f08a3c",
}

LEGEND_ROW = 0.21  # inches
FREE_ROWS = 3  # of a legend, for which a figure has room
WIDTH = 6.4  # inches: the widest figure, so that its text stays readable on a phone

# The strong ends of the colour maps must stand out from light and dark paper alike.
STRONG_BLUE = "#1479bf"
STRONG_ORANGE = "#dc6510"
FADING = np.linspace(0, 1, 129) ** 0.75  # opacity; the root keeps weak values visible


def _fading(colour: str) -> list[tuple[float, ...]]:
    return [(*to_rgb(colour), opacity) for opacity in FADING]


# Zero is transparent, so it has the colour of the paper, be it light or dark.
SEQUENTIAL = ListedColormap(_fading(STRONG_BLUE), "paper-blue")
DIVERGING = ListedColormap(
    _fading(STRONG_ORANGE)[::-1] + _fading(STRONG_BLUE)[1:], "orange-paper-blue"
)


# A dollar in a name is a dollar: no text is parsed as mathematics. With the salt, the same figure
# has the same identifiers.
STYLE = ["default", {"text.parse_math": False, "svg.hashsalt": "keras_dlnotes"}]
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
POWER = re.compile(r"\^\{(.*?)\}")


@contextmanager
def own_style() -> Iterator[None]:
    """Overrides the style of a matplotlibrc or of the user's program, but for the backend."""
    with style.context(STYLE):
        yield


class OwnFigure(Figure):
    """A figure that is drawn, ticks included, in the style it was created with.

    Control characters in names are escaped, since no font has a glyph for them.
    """

    def draw(self, renderer: Any) -> None:
        for text in self.findobj(Text):
            text.set_text(printable(text.get_text(), keep="\n"))
        with own_style():
            super().draw(renderer)

    def savefig(self, fname: Any, **options: Any) -> None:
        with own_style():
            super().savefig(fname, **options)


def new_figure(width: float, height: float, layout: Layout = "constrained") -> Figure:
    """Returns an empty figure of this size in inches; whoever draws on it is in `own_style`."""
    figure = OwnFigure(figsize=(width, height), facecolor=PAPER)
    figure.set_layout_engine(layout, **({} if layout == "none" else {"w_pad": 0.08, "h_pad": 0.08}))
    return figure


def style_axes(axes: Axes) -> None:
    """Gives the axes quiet rules and readable ink."""
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set(color=RULE, visible=side in ("left", "bottom"))
    axes.tick_params(color=RULE, labelcolor=MUTED, labelsize=10, length=3)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, fontsize=11)


def draw_title(axes: Axes, text: str, fontsize: float = 11) -> None:
    """Writes a title above the left edge of the axes."""
    axes.set_title(text, loc="left", fontsize=fontsize, color=INK)


def name_ticks(axis: Axis, names: Sequence[str], **options: Any) -> None:
    """Puts a tick with its name at 0, 1, …."""
    axis.set_ticks(range(len(names)), [printable(name) for name in names], **options)


def legend_label(name: str) -> str:
    """Returns what a legend shows for a name: one that begins with "_" it would leave out.

    >>> legend_label("lstm"), legend_label("_lstm")
    ('lstm', '\\u200b_lstm')
    """
    return f"\u200b{name}" if name.startswith("_") else name


def draw_legend(figure: Figure, columns: int, **options: Any) -> None:
    """Writes what the marks mean above the axes, which it lets keep their height."""
    legend = figure.legend(
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        fontsize=10,
        labelcolor=INK,
        **options,
    )
    rows = -(-len(legend.get_texts()) // columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * max(rows - FREE_ROWS, 0))


def shortened(name: str, length: int) -> str:
    """Returns the end of a long name, which tells it from its neighbours.

    >>> shortened("conv2_block1_out", 10)
    '…lock1_out'
    """
    return name if len(name) <= length else f"…{name[1 - length :]}"


class _Powers(LogFormatterSciNotation):
    """Writes 10⁻³ as text, where matplotlib writes mathematics."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        shown = super().__call__(x, pos).removeprefix(r"$\mathdefault{").removesuffix("}$")
        shown = POWER.sub(lambda power: power[1].translate(RAISED), shown)
        return shown.replace(r"\times", "×")


def set_log_scale(axes: Axes) -> None:
    """Makes the vertical axis one of powers of ten."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_Powers())
    axes.yaxis.set_minor_formatter(_Powers(labelOnlyBase=False))


def draw_scale(
    axes: Axes,
    ticks: Sequence[float],
    tick_labels: Sequence[str],
    label: str = "",
    part: float = 1,
    image: AxesImage | None = None,
) -> None:
    """Draws an image's colour scale beside the axes, along a part of the height.

    The image is by default the first of the axes.
    """
    bar = axes.figure.colorbar(
        image or axes.images[0],
        ax=axes,
        fraction=0.04,
        pad=0.02,
        aspect=30 * part,
        shrink=part,
        anchor=(0, 1),
    )
    bar.set_ticks(ticks, labels=tick_labels)
    bar.ax.tick_params(color=RULE, labelcolor=MUTED, labelsize=9, length=3)
    bar.ax.set_facecolor("none")
    bar.outline.set(edgecolor=RULE, linewidth=0.8)
    bar.set_label(label, color=MUTED, fontsize=9)


def symmetric_limit(array: np.ndarray) -> float:
    """Returns the largest finite magnitude, the end of a colour scale with zero in its middle."""
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max(initial=0.0)) or 1.0
