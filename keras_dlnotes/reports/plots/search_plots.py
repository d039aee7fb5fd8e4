"""Figures of a search: its progress, the values its trials tried, and what matters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import (
    choice,
    flag,
    integer,
    mapping,
    same_length,
    sequence,
    text,
    texts,
)
from keras_dlnotes.common.metrics import DIRECTIONS
from keras_dlnotes.reports.arrays import as_array, finite
from keras_dlnotes.reports.importance import as_columns, is_missing, is_numeric
from keras_dlnotes.reports.plots.bars import draw_shares
from keras_dlnotes.reports.plots.lines import line_panel
from keras_dlnotes.reports.plots.theme import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    RULE,
    WIDTH,
    draw_legend,
    new_figure,
    own_style,
    set_log_scale,
    shortened,
)

DECADES = 100  # the ratio of the largest to the smallest number from which a scale is logarithmic
AXES = 6  # hyperparameters side by side, so that their ticks stay readable on a phone
LEVELS = 6  # choices of one hyperparameter that are named
ABSENT = -0.14  # where a line passes an axis of which its trial has no value


@own_style()
def plot_search_progress(
    objective: ArrayLike,
    direction: str = "min",
    complete: ArrayLike | None = None,
    name: str = "objective",
) -> Figure:
    """Plots the objective by trial, with the best so far.

    Args:
        objective: The best value of each trial, in order; NaN where it has none, which a cross at
            the foot shows.
        direction: "min" or "max", whichever is better.
        complete: Whether each trial is complete. The others are hollow, and never the best.
        name: Of the objective.

    Returns:
        A figure with one panel. Its scale is logarithmic where the values span two decades.

    Raises:
        ValueError: If there is no trial, the lengths differ, or the direction is neither.

    >>> figure = plot_search_progress([0.9, 0.5, 0.7])
    >>> figure.axes[0].get_lines()[0].get_ydata().tolist()
    [0.9, 0.5, 0.5]
    """
    text("name", name, empty=True)
    objective = as_array("objective", objective, ["(trials,)"])
    choice("direction", direction, DIRECTIONS)
    complete = np.ones(len(objective), bool) if complete is None else _booleans(complete)
    same_length(objective=objective, complete=complete)
    known = np.isfinite(objective)
    trials = np.arange(1, len(objective) + 1)
    worst, best_of = (np.inf, np.fmin) if direction == "min" else (-np.inf, np.fmax)
    best = best_of.accumulate(np.where(known & complete, objective, worst))
    best = np.where(np.isfinite(best), best, np.nan)
    figure, axes = line_panel(3.4, "trials so far", name.replace("_", " "))
    if spans_decades(objective[known]):
        set_log_scale(axes)
    axes.plot(trials, best, color=ORANGE, drawstyle="steps-post", label="best so far")
    style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 5, "color": BLUE}
    for label, shown, fill in (
        ("trial", known & complete, BLUE),
        ("not complete", known & ~complete, "none"),
    ):
        if shown.any():
            axes.plot(trials[shown], objective[shown], **style, markerfacecolor=fill, label=label)
    if not known.all():
        foot: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        style = {"linestyle": "none", "marker": "x", "color": MUTED}
        lost = trials[~known]
        axes.plot(lost, np.full(len(lost), 0.02), **style, **foot, label="no value")
    axes.set_xlim(0.5, len(trials) + 0.5)
    draw_legend(figure, 4)
    return figure


@own_style()
def plot_parallel_coordinates(
    hyperparameters: Mapping[str, Sequence[Any]],
    objective: ArrayLike,
    direction: str = "min",
    name: str = "objective",
    limit: int | None = None,
) -> Figure:
    """Plots each trial as a line across a vertical axis for each hyperparameter and the objective.

    The better the trial, the stronger its line; the best is orange. A trial without an objective is
    dotted. An axis is logarithmic where its numbers span two decades, and choices stand evenly
    spaced. A line passes below an axis of which its trial has no value.

    Args:
        hyperparameters: By name, a value for each trial: numbers, texts, booleans or None.
        objective: A number for each trial; NaN where it has none.
        direction: "min" or "max", whichever is better.
        name: Of the objective.
        limit: How many hyperparameters to show: the first ones; all by default.

    Returns:
        A figure of panels one below the other, each of up to six hyperparameters and the objective.

    Raises:
        ValueError: If there is no hyperparameter, the lengths differ, the direction is neither, or
            the limit is below 1.

    >>> figure = plot_parallel_coordinates({"rate": [0.001, 0.1]}, [0.5, 0.7])
    >>> [line.get_ydata().tolist() for line in figure.axes[0].get_lines()]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    if limit is not None:
        integer("limit", limit, 1)
    text("name", name, empty=True)
    choice("direction", direction, DIRECTIONS)
    objective = as_array("objective", objective, ["(trials,)"])
    columns = list(as_columns(hyperparameters, objective).items())[:limit]
    numbers = np.where(np.isfinite(objective), objective, np.nan)
    rows = -(-len(columns) // AXES)
    each = -(-len(columns) // rows)  # as even as they get
    figure = new_figure(WIDTH, 3.8 * rows)
    for row, axes in enumerate(figure.subplots(rows, squeeze=False)[:, 0]):
        axes.axis("off")
        axes.set(xlim=(-0.25, each + 0.4), ylim=(ABSENT - 0.04, 1.2))
        shown = [*columns[row * each : (row + 1) * each], (name, numbers.tolist())]
        positions = [
            _draw_axis(axes, number, label, values) for number, (label, values) in enumerate(shown)
        ]
        _draw_trials(axes, np.stack(positions, axis=1), numbers, direction)
    return figure


def _draw_trials(axes: Axes, lines: np.ndarray, numbers: np.ndarray, direction: str) -> None:
    """Draws a line for each trial, the better the later and the stronger."""
    score = numbers if direction == "max" else -numbers
    order = np.argsort(np.nan_to_num(score, nan=-np.inf), kind="stable")
    count = int(np.isfinite(score).sum())
    for place, trial in enumerate(order, start=1 + count - len(order)):
        style: dict[str, Any] = {"color": BLUE, "alpha": 0.12 + 0.6 * place / max(count, 1)}
        if place < 1:
            style = {"color": MUTED, "alpha": 0.6, "linestyle": ":"}
        elif place == count:
            style = {"color": ORANGE, "linewidth": 2.4}
        axes.plot(lines[trial], **style)


@own_style()
def plot_importance(importance: Mapping[str, float], limit: int = 16) -> Figure:
    """Plots the share of the objective's variance that each hyperparameter explains.

    Args:
        importance: Shares in [0, 1] by name, as `hyperparameter_importance` returns them.
        limit: How many to show: the largest.

    Returns:
        A figure with a bar for each hyperparameter, the largest at the top.

    Raises:
        ValueError: If there is none, or the limit is below 1.

    >>> figure = plot_importance({"rate": 0.6, "units": 0.1})
    >>> [float(bar.get_width()) for bar in figure.axes[0].patches]
    [0.6, 0.1]
    """
    integer("limit", limit, 1)
    mapping("importance", importance, "from names to shares")
    names = texts("importance", list(importance))
    shares = as_array("importance", list(importance.values()), ["(hyperparameters,)"])
    finite("importance", shares, 0, 1)
    order = np.argsort(-shares, kind="stable")[:limit]
    names = [shortened(names[number], 22) for number in order]
    figure = new_figure(WIDTH, 0.6 + 0.26 * len(order))
    axes = figure.subplots()
    draw_shares(axes, names, shares[order], BLUE, room=1.15)
    axes.invert_yaxis()
    axes.tick_params(labelcolor=INK)
    return figure


def spans_decades(values: ArrayLike) -> bool:
    """Tells whether numbers are all above zero and span two decades.

    >>> spans_decades([1e-4, 1e-2]), spans_decades([1, 64]), spans_decades([0, 1000])
    (True, False, False)
    """
    values = np.asarray(values, dtype=float)
    # A hundredth of a hundred is not quite one in binary.
    return bool(values.size and values.min() > 0 and values.max() / values.min() > DECADES - 1e-6)


def _draw_axis(axes: Axes, number: int, name: str, values: Sequence[Any]) -> np.ndarray:
    """Draws a vertical axis with its name and ticks, and returns the positions of the values."""
    absent = np.array([is_missing(value) for value in values])
    ticks, places, remark = _scale([value for value in values if not is_missing(value)])
    axes.vlines(number, 0, 1, color=RULE, linewidth=1.2)
    labels = [*ticks, ("none", ABSENT)] if absent.any() else ticks
    box = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    for tick, place in labels:
        axes.text(
            number + 0.04,
            place,
            shortened(tick, 11),
            va="center",
            color=MUTED,
            fontsize=8,
            bbox=box,
            zorder=3,
        )
    # The names of neighbours are at two heights, so that long ones have room.
    height = 1.07 + 0.07 * (number % 2)
    axes.text(number, height, shortened(name, 18) + remark, ha="center", color=INK, fontsize=9)
    positions = np.full(len(values), ABSENT)
    positions[~absent] = places
    return positions


def _scale(values: Sequence[Any]) -> tuple[list[tuple[str, float]], np.ndarray, str]:
    """Returns the ticks with their places in [0, 1], the places of the values, and a remark."""
    if not is_numeric(values):
        levels = sorted({str(value) for value in values})
        steps = np.array([0.5]) if len(levels) == 1 else np.linspace(0, 1, len(levels))
        place = dict(zip(levels, steps.tolist(), strict=True))
        shown = levels[:: -(-len(levels) // LEVELS) or 1]
        return [(key, place[key]) for key in shown], np.array([place[str(v)] for v in values]), ""
    numbers = np.asarray(values, dtype=float)
    is_log = spans_decades(numbers)
    scaled = np.log10(numbers) if is_log else numbers
    low, high = scaled.min(), scaled.max()
    if low == high:
        return [(f"{numbers[0]:.3g}", 0.5)], np.full(len(numbers), 0.5), ""
    marks = np.linspace(low, high, 3)
    texts = [f"{mark:.3g}" for mark in (10**marks if is_log else marks)]
    ticks = list(zip(texts, (0.0, 0.5, 1.0), strict=True))
    return ticks, (scaled - low) / (high - low), " (log)" if is_log else ""


def _booleans(complete: Any) -> np.ndarray:
    entries = sequence("complete", complete, "booleans")
    return np.array([flag("complete", entry) for entry in entries], bool)
