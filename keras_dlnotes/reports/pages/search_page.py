"""The report page of a search."""

from collections import Counter
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from keras_dlnotes.common.checks import text
from keras_dlnotes.common.metrics import BETTER, SIGNS, direction_of
from keras_dlnotes.reports.importance import FEWEST_TRIALS, hyperparameter_importance
from keras_dlnotes.reports.pages.page import Page
from keras_dlnotes.reports.pages.search_trials import PRUNED, Trial, read_trials
from keras_dlnotes.reports.plots.learning_runs import plot_runs
from keras_dlnotes.reports.plots.search_plots import (
    plot_importance,
    plot_parallel_coordinates,
    plot_search_progress,
)

if TYPE_CHECKING:
    import pandas

CURVES = 6  # trials whose learning curves are told apart in one figure
IMPORTANCE = (
    "The share of the objective's variance that each hyperparameter explains: a random forest "
    "learns the rank of a complete trial from its hyperparameters, and its out-of-bag R² is "
    "divided among them by how much each reduced the variance."
)
DEFINITIONS = (
    "The best value of a trial is that of its best epoch, averaged over its executions; the first "
    "epoch is 1. A trial that did not complete is listed with its status, and never counts as best."
)

OF_PRUNED = (
    " A pruned trial was complete after the epochs that it had, since others were better after as "
    "many."
)


def search_page(
    frame: "pandas.DataFrame | str | PathLike",
    objective: str,
    direction: str | None = None,
    hyperparameters: Sequence[str] | None = None,
    title: str = "Search",
) -> Page:
    """Returns a page about a search: its progress, the important hyperparameters, every trial.

    Args:
        frame: A row for every trial, execution and epoch, with the columns `trial`, `status`,
            `execution` and `epoch`, the metrics, and one column a hyperparameter; or the path of
            such a CSV file. A trial that failed early has a row without metrics.
        objective: The metric that the search optimizes, such as "val_loss".
        direction: "min" or "max", whichever is better. By default the name decides: higher is
            better for an accuracy, lower for a loss or an error.
        hyperparameters: The columns that are hyperparameters. By default those with one value a
            trial, but for metrics (`loss`, `val_…`, or x beside `val_x`) and a tuner's own notes
            (`tuner/…`).
        title: The heading of the page.

    Returns:
        A page, not yet written.

    Raises:
        ValueError: If a column is missing, there is no row, the name does not say which direction
            is better, or a hyperparameter changes within a trial.
        OSError: If the file can't be read.

    >>> import pandas
    >>> frame = pandas.DataFrame(
    ...     {"trial": ["a", "b"], "status": "COMPLETED", "execution": 0, "epoch": 1,
    ...      "val_loss": [0.5, 0.25], "units": [8, 16]})
    >>> search_page(frame, "val_loss").subtitle
    '2 trials for the lowest val_loss'
    """
    text("title", title, empty=True)
    text("objective", objective)
    direction = direction_of(objective, direction)
    trials = read_trials(frame, objective, direction, hyperparameters)
    ranking = _best_first(trials, direction)
    goal = "lowest" if direction == "min" else "highest"
    count = f"{len(trials)} trial{'s' if len(trials) > 1 else ''}"
    page = Page(title, f"{count} for the {goal} {objective}")
    statuses = Counter(trial.status.lower() for trial in trials)
    if ranking:
        best = ranking[0]
        better = f"best {objective}, {BETTER[direction]}"
        page.add_facts({better: best.best, "best trial": best.name, **statuses})
    else:
        page.add_facts(statuses)
        page.add_text("No complete trial has a value of the objective yet.")
    _add_progress(page, trials, objective, direction)
    _add_hyperparameters(page, trials, objective, direction)
    if ranking:
        page.add_heading("Learning curves of the best trials")
        shown = {trial.name: {objective: trial.curve} for trial in ranking[:CURVES]}
        page.add_figure(
            plot_runs(shown, objective, direction),
            f"The {objective} of the best {len(shown)} by epoch, the mean of a trial's executions.",
            f"Lines of the {objective} of the best trials by epoch.",
            "Curves that cross: the leader of the first epochs isn't the best in the end, and a "
            "search that stops trials early may lose the best.",
            "derivations/tuning.md#hyperband",
        )
    page.add_heading("Trials")
    best_first = ranking + [trial for trial in trials if not trial.is_complete]
    page.add_table([_cells(trial, objective) for trial in best_first], "Every trial, best first")
    return page.add_text(DEFINITIONS + (OF_PRUNED if statuses[PRUNED.lower()] else ""))


def _best_first(trials: Sequence[Trial], direction: str) -> list[Trial]:
    """Returns the complete trials; those pruned before their last execution come last."""
    executions = max(len(trial.epochs) for trial in trials)

    def key(trial: Trial) -> tuple[bool, float]:
        is_short = trial.status.upper() == PRUNED and len(trial.epochs) < executions
        return is_short, SIGNS[direction] * trial.best

    return sorted((trial for trial in trials if trial.is_complete), key=key)


def _add_progress(page: Page, trials: Sequence[Trial], objective: str, direction: str) -> None:
    values = [trial.best for trial in trials]
    if not np.isfinite(values).any():
        return
    page.add_heading("Progress")
    page.add_figure(
        plot_search_progress(
            values, direction, [trial.is_complete for trial in trials], name=objective
        ),
        "The best value of each trial, in order, and the best so far of the complete ones. A cross "
        "is a trial without a value.",
        f"Points of the {objective} by trial, below a line of the best so far."
        if direction == "max"
        else f"Points of the {objective} by trial, above a line of the best so far.",
        "A line that has been flat for long: more trials like these gain little.",
        "derivations/tuning.md#random",
    )


def _add_hyperparameters(
    page: Page, trials: Sequence[Trial], objective: str, direction: str
) -> None:
    """Adds the importance of the hyperparameters and their values, the most important first."""
    names = list(trials[0].hyperparameters)
    if not names:
        return
    columns = {name: [trial.hyperparameters[name] for trial in trials] for name in names}
    complete = [trial.best if trial.is_complete else np.nan for trial in trials]
    page.add_heading("Hyperparameters")
    if np.isfinite(complete).sum() < FEWEST_TRIALS:
        page.add_text(f"Their importance is known from {FEWEST_TRIALS} complete trials on.")
    else:
        importance = hyperparameter_importance(columns, complete)
        columns = {name: columns[name] for name in importance}
        explained = sum(importance.values())
        if explained:
            page.add_figure(
                plot_importance(importance),
                f"{IMPORTANCE} Together they explain {explained:.0%}.",
                "Bars of the share of the variance that each hyperparameter explains.",
                "Long bars, which say where a finer search pays. If all together explain little, "
                "chance or the interplay of several decides, or there are too few trials to tell.",
                "derivations/tuning.md#the-space",
            )
        else:
            page.add_text("The hyperparameters explain nothing of the trials left out of a tree.")
    page.add_figure(
        plot_parallel_coordinates(columns, complete, direction, objective),
        "Each line is a trial, the stronger the better and the best in orange; a dotted one is "
        "not complete. Every hyperparameter has an axis.",
        "Lines of the trials across the axes of their hyperparameters.",
        "Where strong lines cross an axis: close together, the hyperparameter matters and there is "
        "where to search; all over it, its value matters little.",
        "derivations/tuning.md#the-space",
    )


def _cells(trial: Trial, objective: str) -> dict[str, object]:
    epochs = trial.epochs[0] if len(trial.epochs) == 1 else ", ".join(map(str, trial.epochs))
    return {
        "trial": trial.name,
        f"best {objective}": None if np.isnan(trial.best) else trial.best,
        "at epoch": epochs or None,
        "status": trial.status,
        **trial.hyperparameters,
    }
