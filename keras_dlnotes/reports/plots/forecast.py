"""Forecasts beside what came."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from keras_dlnotes.common.checks import mapping, same_length, text
from keras_dlnotes.reports.arrays import as_array
from keras_dlnotes.reports.plots.theme import (
    BLUE,
    INK,
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

COLOURS = (BLUE, ORANGE, MUTED)


@own_style()
def plot_forecasts(
    times: Sequence[float],
    truth: Sequence[float],
    forecasts: Mapping[str, Sequence[float]],
    name: str = "value",
) -> Figure:
    """Plots what came as dots and each method's forecasts as a line.

    Args:
        times: When, shape (steps,).
        truth: What came, shape (steps,).
        forecasts: By the name of the method what it had said would come, shape (steps,).
        name: Of the quantity.

    Returns:
        A figure with one panel.

    Raises:
        ValueError: If there is no forecast, or the lengths differ.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling".

    >>> figure = plot_forecasts([1999, 2000], [3.0, 4.0], {"the same again": [2.0, 3.0]})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['what came', 'the same again']
    """
    text("name", name, empty=True)
    mapping("forecasts", forecasts, "of names to forecasts")
    times = as_array("times", times, ["(steps,)"])
    truth = as_array("truth", truth, ["(steps,)"])
    curves = {
        method: as_array(f"forecasts[{method!r}]", values, ["(steps,)"])
        for method, values in forecasts.items()
    }
    named = {f"forecasts[{method!r}]": curve for method, curve in curves.items()}
    same_length(times=times, truth=truth, **named)
    figure = new_figure(WIDTH, 3.6)
    axes = figure.subplots()
    style_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.plot(times, truth, "o", color=INK, markersize=3.5, label="what came")
    for number, (method, values) in enumerate(curves.items()):
        style = ("solid", "dashed", "dotted")[number // len(COLOURS) % 3]
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(
            times, values, color=colour, linestyle=style, linewidth=1.6, label=legend_label(method)
        )
    axes.set(ylabel=name)
    axes.margins(x=0.01)
    draw_legend(figure, 2)
    return figure
