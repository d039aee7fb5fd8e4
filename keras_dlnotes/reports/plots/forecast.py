"""Forecasts beside the observations."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import mapping, same_length, text
from keras_dlnotes.reports.arrays import as_array
from keras_dlnotes.reports.plots.lines import draw_line, line_panel
from keras_dlnotes.reports.plots.theme import INK, draw_legend, own_style


@own_style()
def plot_forecasts(
    times: ArrayLike,
    truth: ArrayLike,
    forecasts: Mapping[str, ArrayLike],
    name: str = "value",
) -> Figure:
    """Plots the observations as dots and each method's forecasts as a line.

    Args:
        times: Of the observations, shape (steps,).
        truth: The observations, shape (steps,).
        forecasts: By the name of the method, its forecasts, shape (steps,).
        name: Of the quantity.

    Returns:
        A figure with one panel.

    Raises:
        ValueError: If there is no forecast, or the lengths differ.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling".

    >>> figure = plot_forecasts([1999, 2000], [3.0, 4.0], {"persistence": [2.0, 3.0]})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['observed', 'persistence']
    """
    text("name", name, empty=True)
    mapping("forecasts", forecasts, "from names to forecasts")
    times = as_array("times", times, ["(steps,)"])
    truth = as_array("truth", truth, ["(steps,)"])
    curves = {
        method: as_array(f"forecasts[{method!r}]", values, ["(steps,)"])
        for method, values in forecasts.items()
    }
    named = {f"forecasts[{method!r}]": curve for method, curve in curves.items()}
    same_length(times=times, truth=truth, **named)
    figure, axes = line_panel(3.6, "", name, ticks=None)
    axes.plot(times, truth, "o", color=INK, markersize=3.5, label="observed")
    for number, (method, values) in enumerate(curves.items()):
        draw_line(axes, method, values, number, times)
    axes.margins(x=0.01)
    draw_legend(figure, 2)
    return figure
