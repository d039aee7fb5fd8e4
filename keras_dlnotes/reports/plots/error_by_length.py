"""How the error of a sequence model grows with the length of the sequence."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, same_length, text
from keras_dlnotes.reports.arrays import as_array, finite
from keras_dlnotes.reports.plots.lines import line_panel
from keras_dlnotes.reports.plots.theme import BLUE, MUTED, own_style


@own_style()
def plot_error_by_length(
    lengths: ArrayLike, errors: ArrayLike, name: str = "error", length: str = "length"
) -> Figure:
    """Plots the mean error of the examples of each length, with their number above each bar.

    Args:
        lengths: Of each example, whole numbers ≥ 0 of shape (examples,).
        errors: Of each example, fractions ≥ 0 of shape (examples,).
        name: Of the error.
        length: Name of the length.

    Returns:
        A figure with one panel.

    Raises:
        ValueError: If there is no example, the numbers of examples differ, or one is negative or
            not finite.

    Reference:
        Lecture notes, "Types of RNN".

    >>> figure = plot_error_by_length([3, 3, 5], [0.0, 0.5, 0.4])
    >>> [float(bar.get_height()) for bar in figure.axes[0].patches]
    [0.25, 0.4]
    """
    lengths = as_array("lengths", lengths, ["(examples,)"])
    errors = as_array("errors", errors, ["(examples,)"])
    same_length(lengths=lengths, errors=errors)
    finite("lengths", lengths, 0)
    if np.any(lengths % 1):
        expected = "whole numbers ≥ 0"
        raise argument_error(
            "lengths", expected, float(lengths[lengths % 1 > 0][0]), part="an entry"
        )
    finite("errors", errors, 0)
    text("name", name, empty=True)
    text("length", length, empty=True)
    groups = np.unique(lengths)
    means = [errors[lengths == group].mean() for group in groups]
    figure, axes = line_panel(3.2, length, name, ticks=10)
    axes.bar(groups, means, width=0.8, color=BLUE)
    for group, mean in zip(groups, means, strict=True):
        count = np.count_nonzero(lengths == group)
        axes.text(group, mean, f"{count}", ha="center", va="bottom", color=MUTED, fontsize=8)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure
