"""Horizontal bars of shares, each with its name and its percentage."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from keras_dlnotes.reports.plots.theme import MUTED, name_ticks, style_axes


def draw_shares(
    axes: Axes, names: Sequence[str], shares: np.ndarray, colour: str, room: float
) -> None:
    """Draws a bar for each share in [0, 1], from bottom to top, on an axis without ticks.

    Args:
        axes: where to draw.
        names: of the bars.
        shares: their lengths.
        colour: of the bars.
        room: length of the axis, in lengths of the longest bar.
    """
    style_axes(axes)
    rows = range(len(names))
    axes.barh(rows, shares, height=0.7, color=colour)
    for row, share in zip(rows, shares, strict=True):
        text = f" {share:.1%}" if share else " 0"
        axes.text(share, row, text, va="center", color=MUTED, fontsize=9)
    axes.set(xlim=(0, room * max(shares.max(), 0.01)), xticks=[])
    name_ticks(axes.yaxis, names)
