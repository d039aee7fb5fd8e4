"""Figures look the same whatever the user has set for matplotlib, and write names as they are."""

import io
import re
import warnings
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from keras_dlnotes import reports
from keras_dlnotes.common.printable import printable
from keras_dlnotes.reports.plots.theme import legend_label
from tests.reports.test_bad_calls import CALLS

PLOTS = {
    function: right for function, (right, _) in CALLS.items() if function.__name__[:5] == "plot_"
}
# What can stand in a matplotlibrc, or be set by a notebook's first cell.
SETTINGS = {
    "text.usetex": True,
    "font.family": "no such font",
    "font.size": 31,
    "axes.titlesize": 30,
    "axes.prop_cycle": matplotlib.cycler(color=["r"]),
    "axes.unicode_minus": False,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.min_exponent": 5,
    "axes.grid": True,
    "figure.dpi": 17,
    "figure.autolayout": True,
    "figure.facecolor": "black",
    "image.cmap": "jet",
    "image.origin": "lower",
    "legend.fontsize": 3,
    "lines.linewidth": 9,
    "path.sketch": (1, 2, 3),
    "savefig.bbox": "tight",
    "savefig.facecolor": "red",
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "xtick.bottom": False,
    "ytick.direction": "in",
}
NAMES = [r"_$\bad{$", "$x$\x1b<b>"]


def drawing(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def named(value, name):
    """The argument with its texts, which are all called "a", called something else."""
    if isinstance(value, dict):
        return {named(key, name): named(entry, name) for key, entry in value.items()}
    if isinstance(value, list):
        return [named(entry, name) for entry in value]
    return name if isinstance(value, str) and value == "a" else value


def test_every_plot_is_here():
    assert {name for name in reports.__all__ if name.startswith("plot_")} == {
        function.__name__ for function in PLOTS
    }


@pytest.mark.sampled(4)
@pytest.mark.parametrize("function", PLOTS, ids=lambda function: function.__name__)
def test_settings_of_the_user_change_nothing(function):
    pages = []
    for settings in ({}, SETTINGS):
        with matplotlib.rc_context(settings):
            figure = function(**PLOTS[function])
            pages.append(reports.Page("x").add_figure(figure, "x", "x").render())
            assert matplotlib.rcParams["text.usetex"] == bool(settings)
    assert pages[0] == pages[1]


def test_the_backend_of_the_user_stays():
    backend = matplotlib.get_backend()
    with matplotlib.rc_context({"backend": "svg"}):
        drawing(reports.plot_learning_curves({"loss": [1.0, 0.5]}))
        assert matplotlib.rcParams["backend"] == "svg"
    matplotlib.rcParams["backend"] = backend


def test_a_figure_of_the_user_keeps_the_settings_of_the_user():
    figure = Figure()
    figure.subplots().plot([1, 2])
    pictures = []
    for settings in ({}, {"savefig.facecolor": "#123456"}):
        with matplotlib.rc_context(settings):
            pictures.append(reports.Page("x").add_figure(figure, "x", "x").render())
    assert pictures[0] != pictures[1]


WITH_NAMES = [function for function, right in PLOTS.items() if named(right, "b") != right]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("function", WITH_NAMES, ids=lambda function: function.__name__)
def test_names_are_written_as_they_are(function, name):
    if function is reports.plot_marked_lines:
        arguments = {key: [name] for key in PLOTS[function]}
    else:
        arguments = named(PLOTS[function], name)
    figure = function(**arguments)
    with warnings.catch_warnings(action="error"):  # of glyphs that no font has
        ElementTree.fromstring(reports.pages.page._drawing(figure))
    shown = " ".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())
    assert printable(name) in shown or printable(name).replace("_", " ") in shown


def test_a_legend_shows_names_that_matplotlib_would_leave_out():
    figure = reports.plot_gradient_flow({"_a": [0.1, 0.2], "b": [0.1, 0.3]})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [legend_label("_a"), "b"]


def test_ticks_of_a_scale_of_powers_are_text():
    figure = reports.plot_gradient_flow({"a": [1e-6, 1e2]})
    figure.canvas.draw()
    ticks = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "10⁻⁶" in ticks and "10²" in ticks
    figure = reports.plot_search_progress(np.array([1.0, 20.0, 300.0]))
    figure.canvas.draw()
    ticks = [text.get_text() for text in figure.axes[0].get_yticklabels(which="both")]
    assert ticks and all(re.fullmatch(r"([2-9]×)?10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|", tick) for tick in ticks)
