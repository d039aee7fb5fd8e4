"""The loss and the metrics of one run by epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, integer, mapping, text
from keras_dlnotes.reports.arrays import as_array
from keras_dlnotes.reports.plots.lines import DASHED, draw_line, mark_best, style_panel
from keras_dlnotes.reports.plots.theme import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    WIDTH,
    draw_legend,
    new_figure,
    own_style,
)

VALIDATION = "val_"


@own_style()
def plot_learning_curves(history: Mapping[str, ArrayLike], best_epoch: int | None = None) -> Figure:
    """Plots the loss and every metric by epoch, training against validation.

    Args:
        history: A list of one number an epoch for each metric, as `keras.callbacks.History` keeps
            it in `.history`; the name of a validation metric starts with `val_`. A NaN leaves a
            hole in its curve.
        best_epoch: The epoch to mark, the first being 1. By default the one with the lowest
            `val_loss`, or else the lowest `loss`.

    Returns:
        A figure with a panel for each metric.

    Raises:
        ValueError: If the history is empty, its lists differ in length, or the best epoch is out
            of range.

    >>> figure = plot_learning_curves({"loss": [0.9, 0.4], "val_loss": [0.8, 0.5]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss']
    """
    curves = _curves(history)
    epochs = len(next(iter(curves.values())))
    reason = ""
    if best_epoch is None:
        best_epoch, reason = _lowest_loss(curves)
    else:
        integer("best_epoch", best_epoch, 1, epochs)
    names = dict.fromkeys(name.removeprefix(VALIDATION) for name in curves)
    metrics = sorted(names, key=lambda name: name != "loss")
    columns = min(len(metrics), 2)
    rows = -(-len(metrics) // columns)
    figure = new_figure(WIDTH if columns == 2 else 4.8, 0.6 + 2.6 * rows)
    for number, metric in enumerate(metrics, start=1):
        _draw_panel(figure.add_subplot(rows, columns, number), metric, curves, best_epoch)
    _draw_legend(figure, best_epoch, reason)
    return figure


def _curves(history: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    mapping("history", history, "of metrics")
    curves = {
        text("history", name, empty=True): as_array(f"history[{name!r}]", values, ["(epochs,)"])
        for name, values in history.items()
    }
    lengths = {name: len(curve) for name, curve in curves.items()}
    if len(set(lengths.values())) > 1:
        expected = "lists of the same length, one number an epoch"
        raise argument_error("history", expected, lengths, part="lengths")
    return curves


def _lowest_loss(curves: Mapping[str, np.ndarray]) -> tuple[int | None, str]:
    for name, reason in (("val_loss", "lowest validation loss"), ("loss", "lowest loss")):
        if name in curves and not np.isnan(curves[name]).all():
            return int(np.nanargmin(curves[name])) + 1, reason
    return None, ""


def _draw_panel(
    axes: Axes, metric: str, curves: Mapping[str, np.ndarray], best_epoch: int | None
) -> None:
    style_panel(axes, "epoch", metric.replace("_", " "), ticks=6)
    curve = np.empty(0)
    for name, label, colour, dashes in (
        (metric, "training", ORANGE, DASHED),
        (VALIDATION + metric, "validation", BLUE, "solid"),
    ):
        if name in curves:
            curve = curves[name]
            draw_line(axes, label, curve, color=colour, linestyle=dashes)
    margin = max(0.5, 0.03 * len(curve))
    axes.set_xlim(1 - margin, len(curve) + margin)
    if best_epoch is not None:
        axes.axvline(
            best_epoch, color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="best epoch"
        )
        value = curve[best_epoch - 1]
        mark_best(axes, best_epoch, value, INK)
        axes.set_title(f"{value:.4g} at epoch {best_epoch}", loc="right", fontsize=10, color=MUTED)


def _draw_legend(figure: Figure, best_epoch: int | None, reason: str) -> None:
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if best_epoch is not None:
        text = f"best epoch: {best_epoch}" + (f" ({reason})" if reason else "")
        handles[text] = handles.pop("best epoch")
    columns = 3 if len(figure.axes) > 1 else 2  # one panel is too narrow for three
    draw_legend(figure, columns, handles=handles.values(), labels=handles.keys())
