"""One metric of several runs in one figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_dlnotes.common.checks import argument_error, mapping, text
from keras_dlnotes.common.metrics import direction_of
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
    style_axes,
)

READABLE_IN_TWO_COLUMNS = 36  # characters a label
DASHES = ("solid", (0, (4, 1.5)), (0, (1, 1.5)))


@own_style()
def plot_runs(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    metric: str = "val_loss",
    direction: str | None = None,
) -> Figure:
    """Plots one metric of several runs by epoch, a line for each run, its best epoch marked.

    Args:
        histories: By the name of the run its history, a list of one number an epoch for each
            metric; runs may differ in length. A NaN leaves a hole.
        metric: The metric to show.
        direction: "min" where the lowest value is the best, "max" where the highest is. By default
            the name tells: lower is better for a loss or an error, as `mae`, higher for an
            accuracy.

    Returns:
        A figure with one panel.

    Raises:
        ValueError: If there is no run, one lacks the metric, the direction is another, or none is
            given and the name of the metric does not tell.

    >>> runs = {"small": {"val_loss": [0.9, 0.7, 0.8]}, "large": {"val_loss": [0.8, 0.5]}}
    >>> [line.get_label() for line in plot_runs(runs).axes[0].get_lines()[::2]]
    ['small: 0.7 at epoch 2', 'large: 0.5 at epoch 2']
    """
    mapping("histories", histories, "of names to histories")
    for name, history in histories.items():
        mapping(f"histories[{name!r}]", history, "of metrics")
    text("metric", metric)
    direction = direction_of(metric, direction)
    figure = new_figure(WIDTH, 3.6)
    axes = figure.subplots()
    style_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    for number, (name, history) in enumerate(histories.items()):
        if metric not in history:
            expected = f"one of the metrics of run {name!r}: {', '.join(history) or 'none'}"
            raise argument_error("metric", expected, metric)
        curve = as_array(f"histories[{name!r}][{metric!r}]", history[metric], ["(epochs,)"])
        colour = (BLUE, ORANGE, MUTED)[number % 3]
        epochs = np.arange(1, len(curve) + 1)
        dashes = DASHES[number // 3 % len(DASHES)]
        [line] = axes.plot(
            epochs, curve, color=colour, linestyle=dashes, linewidth=1.8, label=legend_label(name)
        )
        if not np.isnan(curve).all():
            best = _best(curve, direction)
            axes.plot(best + 1, curve[best], "o", color=colour, markersize=5, label="_best")
            line.set_label(legend_label(f"{name}: {curve[best]:.4g} at epoch {best + 1}"))
    axes.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    longest = max(len(str(line.get_label())) for line in axes.get_lines())
    draw_legend(figure, 2 if longest <= READABLE_IN_TWO_COLUMNS else 1)
    return figure


def _best(curve: np.ndarray, direction: str) -> int:
    return int(np.nanargmin(curve) if direction == "min" else np.nanargmax(curve))
