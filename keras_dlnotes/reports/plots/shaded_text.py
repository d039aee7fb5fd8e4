"""A text with each character shaded by a number."""

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common import checks
from keras_dlnotes.common.checks import argument_error, same_length
from keras_dlnotes.reports.arrays import as_array
from keras_dlnotes.reports.plots.theme import (
    INK,
    SEQUENTIAL,
    WIDTH,
    draw_scale,
    draw_title,
    new_figure,
    own_style,
)

LINE_HEIGHT = 0.17  # inches
INKED = {
    "color": INK,
    "family": "monospace",
    "fontsize": 7,
    "ha": "center",
    "va": "center_baseline",
    "in_layout": False,  # to measure each character would take longer than to draw it
}
# The quieter half of the shades, so that the ink stands out from the strongest.
SHADES = ListedColormap(np.asarray(SEQUENTIAL.colors)[: SEQUENTIAL.N // 2 + 1], "paper-light-blue")


@own_style()
def plot_shaded_text(
    text: str,
    values: Mapping[str, ArrayLike],
    label: str = "",
    columns: int = 72,
    limit: float | None = None,
) -> Figure:
    """Plots a text, once for each method, with every character shaded by the method's value for it.

    Lines end where the text's do, and after so many columns.

    Args:
        text: What to show.
        values: By the name of the method a number ≥ 0 for each character.
        label: What the numbers are.
        columns: Characters a line, at most.
        limit: The number from which on the shade is the strongest; the largest one by default.

    Returns:
        A figure with a panel for each method.

    Raises:
        ValueError: If there is no method or no text, or the lengths differ.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling".

    >>> figure = plot_shaded_text("of a", {"a model": [3.0, 0.5, 0.1, 4.0]}, "bits")
    >>> [character.get_text() for character in figure.axes[0].texts]
    ['o', 'f', 'a']
    """
    checks.text("text", text, empty=True)
    checks.mapping("values", values, "of names to numbers")
    checks.text("label", label, empty=True)
    columns = min(checks.integer("columns", columns, 1), max(len(text), 1))
    if limit is not None and checks.number("limit", limit, 0) == 0:
        raise argument_error("limit", "a finite number > 0", limit)
    shades = {
        method: as_array(f"values[{method!r}]", numbers, ["(characters,)"])
        for method, numbers in values.items()
    }
    same_length(text=text, **{f"values[{name!r}]": each for name, each in shades.items()})
    for method, numbers in shades.items():
        if not np.all(numbers >= 0):
            wrong = float(numbers[~(numbers >= 0)][0])
            raise argument_error(f"values[{method!r}]", "numbers ≥ 0", wrong, part="an entry")
    if limit is None:
        every = np.concatenate(list(shades.values()))
        limit = float(every[np.isfinite(every)].max(initial=0)) or 1.0
    places = _places(text, columns)
    lines = int(places[:, 0].max()) + 1
    figure = new_figure(WIDTH, len(shades) * (lines * LINE_HEIGHT + 0.45))
    panels = figure.subplots(len(shades), squeeze=False)[:, 0]
    for axes, (method, numbers) in zip(panels, shades.items(), strict=True):
        grid = np.zeros((lines, columns))
        grid[*places.T] = np.minimum(numbers, limit)  # what is infinite has the strongest shade
        axes.imshow(grid, cmap=SHADES, vmin=0, vmax=limit, aspect="auto")
        for character, (line, column) in zip(text, places, strict=True):
            if not character.isspace():
                axes.text(column, line, character, **INKED)
        axes.set_axis_off()
        draw_title(axes, method, fontsize=10)
        draw_scale(axes, [0, limit], ["0", f"≥ {limit:.3g}"], label)
    return figure


def _places(text: str, columns: int) -> np.ndarray:
    """Line and column of each character; that of a line's end is the place behind the line."""
    places, line, column = [], 0, 0
    for character in text:
        if column == columns:
            line, column = line + 1, 0
        places.append((line, column))
        line, column = (line + 1, 0) if character == "\n" else (line, column + 1)
    return np.array(places)
