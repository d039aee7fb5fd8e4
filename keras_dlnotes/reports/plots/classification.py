"""The confusion matrix of a classifier, and its worst mistakes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import argument_error, integer, same_length, texts
from keras_dlnotes.reports.arrays import as_array, as_classes, as_images, finite
from keras_dlnotes.reports.plots.theme import (
    INK,
    MUTED,
    RULE,
    SEQUENTIAL,
    WIDTH,
    draw_scale,
    draw_title,
    name_ticks,
    new_figure,
    own_style,
    style_axes,
)
from keras_dlnotes.reports.plots.tiles import tile_figure

# Above so many classes, numbers in the cells and a name for each row could no longer be read.
READABLE_CLASSES = 20
WHITE = "#ffffff"


@own_style()
def plot_confusion_matrix(
    labels: ArrayLike, predictions: ArrayLike, class_names: Sequence[str]
) -> Figure:
    """Plots how often each true class (row) was taken for each class (column).

    The cells hold counts; their colour is the share of the row, so that a rare class is as visible
    as a frequent one. Empty cells stay blank.

    Args:
        labels: The true class numbers, shape (examples,), integers in [0, classes).
        predictions: The predicted class numbers, like `labels`.
        class_names: A name for each class.

    Returns:
        A figure with one square matrix.

    Raises:
        ValueError: If there are no examples, the lengths differ, or a number has no class name.

    >>> figure = plot_confusion_matrix([0, 0, 1], [0, 1, 1], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '1']
    """
    class_names = _class_names(class_names)
    labels = as_classes("labels", labels, class_names)
    predictions = as_classes("predictions", predictions, class_names)
    same_length(labels=labels, predictions=predictions)
    if not len(labels):
        raise argument_error("labels", "at least one example", [])

    classes = len(class_names)
    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (labels, predictions), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    readable = classes <= READABLE_CLASSES
    size = min(max(3.4, 1.9 + 0.42 * classes), WIDTH)
    figure = new_figure(size, size - 0.5, layout="compressed")
    axes = figure.subplots()
    style_axes(axes)
    axes.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="none")
    axes.set(xlabel="predicted class", ylabel="true class")
    if readable:
        longest = max(map(len, class_names))
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        name_ticks(axes.xaxis, class_names, **(slanted if longest > 3 else {}))
        name_ticks(axes.yaxis, class_names)
        borders = np.arange(classes + 1) - 0.5
        axes.hlines(borders, -0.5, classes - 0.5, color=RULE, linewidth=0.5)
        axes.vlines(borders, -0.5, classes - 0.5, color=RULE, linewidth=0.5)
        for row, column in np.argwhere(counts):
            _draw_count(axes, row, column, counts[row, column], shares[row, column])
    draw_scale(axes, [0, 0.5, 1], ["0%", "50%", "100%"], label="share of the true class")
    right = int(np.trace(counts))
    draw_title(axes, f"{right:,} of {len(labels):,} right ({right / len(labels):.1%})")
    return figure


@own_style()
def plot_mistakes(
    images: ArrayLike,
    labels: ArrayLike,
    predictions: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    limit: int = 16,
) -> Figure:
    """Plots the worst mistakes: the wrongly classified images, the most confident first.

    Args:
        images: Shape (examples, height, width) or (examples, height, width, 1 or 3).
        labels: The true class numbers, shape (examples,), integers in [0, classes).
        predictions: The predicted class numbers, like `labels`.
        probabilities: The predicted probability of every class, shape (examples, classes), each in
            [0, 1].
        class_names: A name for each class.
        limit: How many mistakes to show at most.

    Returns:
        A figure of labelled images, or one that says that there is no mistake.

    Raises:
        ValueError: If the lengths differ, a rank is wrong, a number has no class name, or a
            probability is outside [0, 1].

    >>> image, probabilities = np.eye(3)[None], np.array([[0.1, 0.9]])
    >>> figure = plot_mistakes(image, [0], [1], probabilities, ["cat", "dog"])
    >>> figure.axes[0].texts[0].get_text().splitlines()
    ['cat → dog', '90% sure']
    """
    integer("limit", limit, 1)
    class_names = _class_names(class_names)
    labels = as_classes("labels", labels, class_names)
    predictions = as_classes("predictions", predictions, class_names)
    pictures = as_images("images", images)
    probabilities = as_array("probabilities", probabilities, ["(examples, classes)"])
    same_length(
        images=pictures, labels=labels, predictions=predictions, probabilities=probabilities
    )
    if probabilities.shape[1] != len(class_names):
        expected = f"one probability for each of the {len(class_names)} class names"
        raise argument_error(
            "probabilities", expected, probabilities.shape, part="probabilities.shape"
        )
    finite("probabilities", probabilities, 0, 1)

    confidence = probabilities[np.arange(len(labels)), predictions]
    wrong = np.flatnonzero(labels != predictions)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    if not len(worst):
        return _no_mistakes(len(labels))

    def label(index: int) -> str:
        true, taken = class_names[labels[index]], class_names[predictions[index]]
        return f"{_short(true)} → {_short(taken)}\n{confidence[index]:.0%} sure"

    texts_below = [label(index) for index in worst]
    figure, axes = tile_figure(pictures[worst], 4, texts_below, 0.24, largest=WIDTH, margin=0.35)
    shown = f"the {len(worst)} most confident of " if len(worst) < len(wrong) else ""
    plural = "" if len(wrong) == 1 else "s"
    total = f"{len(wrong):,} mistake{plural} in {len(labels):,} examples"
    draw_title(axes, f"{shown}{total} (true → predicted)")
    return figure


def _class_names(class_names: Sequence[str]) -> list[str]:
    names = texts("class_names", class_names)
    if not names:
        raise argument_error("class_names", "a name for each class", [])
    return names


def _draw_count(axes: Axes, row: int, column: int, count: int, share: float) -> None:
    # White is more readable on the strongest blue only; ink follows the page's colour scheme.
    colour = WHITE if share > 0.8 else INK
    axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=10)


def _short(name: str) -> str:
    return name if len(name) <= 9 else name[:8] + "…"


@own_style()
def _no_mistakes(examples: int) -> Figure:
    figure = new_figure(WIDTH, 1.2)
    message = f"No mistakes: all {examples:,} predictions are right."
    figure.text(0.5, 0.5, message, ha="center", va="center", color=MUTED, fontsize=12)
    return figure
