"""The norm of the gradient by time step or layer."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, mapping, probability, text
from keras_dlnotes.reports.arrays import as_array
from keras_dlnotes.reports.plots.lines import draw_line, line_panel
from keras_dlnotes.reports.plots.theme import RULE, draw_legend, own_style, set_log_scale


@own_style()
def plot_gradient_flow(
    norms: Mapping[str, ArrayLike], xlabel: str = "time step", flat: float = 1e-3
) -> Figure:
    """Plots the norms of the gradient on a logarithmic scale, a line for each layer or run.

    Where the gradient neither vanishes nor explodes, a line keeps its height. A norm of zero, as at
    a masked step, leaves a hole.

    Args:
        norms: One number ≥ 0 for each step or layer, by the name of the line.
        xlabel: Of the horizontal axis.
        flat: The band between this fraction of the largest norm, in [0, 1], and that norm is
            shaded: a line that leaves it vanishes.

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
    mapping("norms", norms, "from names to norms")
    text("xlabel", xlabel, empty=True)
    probability("flat", flat)
    figure, axes = line_panel(3.4, xlabel, "norm of the gradient")
    largest = 0.0
    for number, (name, values) in enumerate(norms.items()):
        line = as_array(f"norms[{name!r}]", values, ["(steps,)"])
        lowest = float(np.nanmin(line, initial=0))
        if lowest < 0:
            raise argument_error(f"norms[{name!r}]", "numbers ≥ 0", lowest, part="an entry")
        largest = max(largest, np.nanmax(line, initial=0, where=np.isfinite(line)))
        line = np.where(line > 0, line, np.nan)
        draw_line(axes, text("norms", name, empty=True), line, number, np.arange(len(line)))
    set_log_scale(axes)
    if largest:
        axes.axhspan(flat * largest, largest, color=RULE, alpha=0.35, linewidth=0)
    draw_legend(figure, min(len(norms), 3))
    return figure
