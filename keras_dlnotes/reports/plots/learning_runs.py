"""One metric of several runs in one figure."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, mapping, text
from keras_dlnotes.common.metrics import direction_of
from keras_dlnotes.reports.arrays import as_array
from keras_dlnotes.reports.plots.lines import draw_line, line_panel, mark_best
from keras_dlnotes.reports.plots.theme import draw_legend, legend_label, own_style

READABLE_IN_TWO_COLUMNS = 36  # characters a label


@own_style()
def plot_runs(
    histories: Mapping[str, Mapping[str, ArrayLike]],
    metric: str = "val_loss",
    direction: str | None = None,
) -> Figure:
    """Plots one metric of several runs by epoch, a line for each run, its best epoch marked.

    Args:
        histories: By the name of the run its history, a list of one number an epoch for each
            metric; runs may differ in length. A NaN leaves a hole.
        metric: The metric to show.
        direction: "min" if the lowest value is the best, "max" if the highest is. By default the
            name decides: lower is better for a loss or an error such as `mae`, higher for an
            accuracy.

    Returns:
        A figure with one panel.

    Raises:
        ValueError: If there is no run, one lacks the metric, the direction is neither, or it is
            None and the name of the metric does not say which is better.

    >>> runs = {"small": {"val_loss": [0.9, 0.7, 0.8]}, "large": {"val_loss": [0.8, 0.5]}}
    >>> [line.get_label() for line in plot_runs(runs).axes[0].get_lines()[::2]]
    ['small: 0.7 at epoch 2', 'large: 0.5 at epoch 2']
    """
    mapping("histories", histories, "from names to histories")
    for name, history in histories.items():
        mapping(f"histories[{name!r}]", history, "of metrics")
    text("metric", metric)
    direction = direction_of(metric, direction)
    figure, axes = line_panel(3.6, "epoch", metric.replace("_", " "))
    for number, (name, history) in enumerate(histories.items()):
        if metric not in history:
            expected = f"one of the metrics of run {name!r}: {', '.join(history) or 'none'}"
            raise argument_error("metric", expected, metric)
        curve = as_array(f"histories[{name!r}][{metric!r}]", history[metric], ["(epochs,)"])
        line = draw_line(axes, name, curve, number)
        if not np.isnan(curve).all():
            best = int(np.nanargmin(curve) if direction == "min" else np.nanargmax(curve))
            mark_best(axes, best + 1, curve[best], line.get_color())
            line.set_label(legend_label(f"{name}: {curve[best]:.4g} at epoch {best + 1}"))
    longest = max(len(str(line.get_label())) for line in axes.get_lines())
    draw_legend(figure, 2 if longest <= READABLE_IN_TWO_COLUMNS else 1)
    return figure
