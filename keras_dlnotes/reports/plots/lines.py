"""Lines over epochs, steps or times: their axes, their looks and the mark of the best point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from keras_dlnotes.reports.plots.theme import (
    BLUE,
    ORANGE,
    RULE,
    WIDTH,
    legend_label,
    new_figure,
    style_axes,
)

# After the first two, each colour is the farthest from those before it in the space OKLab, with and
# without colour blindness simulated, among those of contrast 3 or more on light and dark paper.
OTHERS = (
    "009c6c d866ae 90606c 907ef0 667200 6090ae 9c4eae b48478 909600 007e78 c0423c 188ad8 "
    "7e7e5a d25472 7266d2 9c72ba 42901e ea6c5a 6c7296 b44284 9c7800 12844e"
)
COLOURS = (BLUE, ORANGE, *(f"#{colour}" for colour in OTHERS.split()))
SOLID = 6  # lines that colour alone tells apart at a glance; dashes help with more
DASHED = (0, (4, 1.5))
DASHES = ("solid", DASHED, (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))


def line_panel(
    height: float, xlabel: str, ylabel: str, ticks: int | None = 8
) -> tuple[Figure, Axes]:
    """Returns a figure of one panel, and the panel, styled as `style_panel` does."""
    figure = new_figure(WIDTH, height)
    axes = figure.subplots()
    style_panel(axes, xlabel, ylabel, ticks)
    return figure, axes


def style_panel(axes: Axes, xlabel: str, ylabel: str, ticks: int | None) -> None:
    """Gives axes horizontal rules, labels, and at most so many ticks, at whole numbers.

    Where `ticks` is None, matplotlib chooses them.
    """
    style_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    if ticks is not None:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=ticks, integer=True, min_n_ticks=1))
    axes.set(xlabel=xlabel, ylabel=ylabel)


def draw_line(
    axes: Axes,
    label: str,
    values: np.ndarray,
    number: int = 0,
    places: np.ndarray | Sequence[float] | None = None,
    **look,
) -> Line2D:
    """Draws a line of the colour and dashes that its number among the lines stands for.

    Args:
        axes: where to draw.
        label: of the line in the legend.
        values: one for each place; NaN leaves a hole.
        number: the first line is 0.
        places: along the horizontal axis, 1, 2, … by default.
        look: takes the place of the line's own colour and dashes.
    """
    [line] = axes.plot(
        np.arange(1, len(values) + 1) if places is None else places,
        values,
        label=legend_label(label),
        linewidth=1.8,
        # A line needs two points; a single one needs a dot to be seen.
        marker="o" if len(values) == 1 else "",
        **{
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": DASHES[number // SOLID % len(DASHES)],
            **look,
        },
    )
    return line


def mark_best(axes: Axes, place: float, value: float, colour: str) -> None:
    """Draws a dot, which the legend leaves out."""
    axes.plot(place, value, "o", color=colour, markersize=5, label="_best")
