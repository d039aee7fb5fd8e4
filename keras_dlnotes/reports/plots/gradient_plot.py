"""A picture of how the gradient flows back."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_dlnotes.common.checks import argument_error, mapping, number, text
from keras_dlnotes.reports.arrays import as_array
from keras_dlnotes.reports.plots.theme import (
    BLUE,
    MUTED,
    ORANGE,
    RULE,
    WIDTH,
    draw_legend,
    legend_label,
    new_figure,
    own_style,
    set_log_scale,
    style_axes,
)

LINES = ("solid", (0, (4, 1.5)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))


@own_style()
def plot_gradient_flow(
    norms: Mapping[str, Sequence[float]], xlabel: str = "time step", flat: float = 1e-3
) -> Figure:
    """Plots the norms of the gradient on a logarithmic scale, a line for each layer or run.

    Where the gradient neither vanishes nor explodes, a line keeps its height. A norm of zero, as at
    a masked step, leaves a hole.

    Args:
        norms: One number ≥ 0 for each step or layer, by the name of the line.
        xlabel: What the numbers stand for.
        flat: A band from this part of the largest norm, in [0, 1], up to it is shaded: what leaves
            it vanishes.

    Returns:
        A figure with one panel.

    Raises:
        ValueError: If there is no line or a number is below zero.

    Reference:
        Lecture notes, "Vanishing/ exploding gradient problems".

    >>> figure = plot_gradient_flow({"lstm": [0.1, 0.2, 0.4]})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    mapping("norms", norms, "of names to norms")
    text("xlabel", xlabel, empty=True)
    if number("flat", flat, 0) > 1:
        raise argument_error("flat", "a number in [0, 1]", flat)
    figure = new_figure(WIDTH, 3.4)
    axes = figure.subplots()
    style_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    largest = 0.0
    for place, (name, values) in enumerate(norms.items()):
        line = as_array(f"norms[{name!r}]", values, ["(steps,)"])
        if np.nanmin(line, initial=0) < 0:
            raise argument_error(
                f"norms[{name!r}]", "numbers ≥ 0", float(np.nanmin(line)), part="an entry"
            )
        largest = max(largest, np.nanmax(line, initial=0, where=np.isfinite(line)))
        axes.plot(
            np.where(line > 0, line, np.nan),
            label=legend_label(text("norms", name, empty=True)),
            color=(BLUE, ORANGE, MUTED)[place % 3],
            linestyle=LINES[place // 3 % len(LINES)],
            linewidth=1.8,
            marker="o" if len(line) == 1 else "",
        )
    axes.set(xlabel=xlabel, ylabel="norm of the gradient")
    set_log_scale(axes)
    if largest:
        axes.axhspan(flat * largest, largest, color=RULE, alpha=0.35, linewidth=0)
    draw_legend(figure, min(len(norms), 3))
    return figure
