"""The report page of a finished run."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from keras_dlnotes import reports
from keras_dlnotes.common.printable import get_logger
from keras_dlnotes.runs.task import Outcome, Passages, Picture, Task

logger = get_logger("keras_dlnotes.tasks")


@contextlib.contextmanager
def report_or_warning() -> Iterator[None]:
    """Tells of a report that fails, and goes on: what it reports on is worth more than it."""
    try:
        yield
    except Exception as error:
        logger.debug("How the report failed:", exc_info=True)
        logger.warning(
            "The report could not be written: %s: %s. Resuming it (--resume) tries again.",
            type(error).__name__,
            " ".join(str(error).split()),
        )


def report_page(
    task: Task,
    outcome: Outcome,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> reports.Page:
    """Lays out headline numbers, learning curves, the task's own pictures and the settings."""
    baseline = metrics["baseline"]
    page = reports.Page(f"dlnotes fit {task.name}", task.description)
    page.add_facts(
        {
            _words(task.headline): metrics[task.headline],
            baseline["name"]: baseline[task.headline],
            "parameters": metrics["parameters"],
            "epochs": metrics["epochs"],
            "seconds of training": round(metrics["seconds"]),
        }
    )
    history = outcome.history
    curves = {name: [row[name] for row in history] for name in history[0]}
    learning = Picture(
        "Learning curves",
        reports.plot_learning_curves(curves, best_epoch=outcome.best_epoch),
        "Loss and metrics by epoch. The model kept is that of the epoch with the lowest validation "
        "loss.",
        "Curves of the loss and of each metric over the epochs, for training and validation.",
    )
    pictures = [learning, *([_side_by_side(task, outcome)] if outcome.rivals else [])]
    page.add_heading("Against others")
    page.add_table(_scores(outcome, metrics), "What each method scores on the same test data")
    for picture in (*pictures, *task.pictures(outcome)):
        add_picture(page, picture)
    page.add_heading("Settings")
    rows = {
        "lecture notes": task.section,
        **settings,
        **task.arguments,
        **{f"{package} version": version for package, version in metrics["versions"].items()},
    }
    page.add_table(
        [{"setting": name, "value": str(value)} for name, value in rows.items()],
        "What the run was made with",
    )
    return page


def add_picture(page: reports.Page, picture: Picture | Passages) -> None:
    """Adds a picture of a task's, or texts, under its own heading."""
    page.add_heading(picture.title)
    if isinstance(picture, Passages):
        page.add_passages(picture.texts, picture.caption)
    else:
        page.add_figure(picture.figure, picture.caption, picture.alt)


def _scores(outcome: Outcome, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a method: the network, its rivals, the baselines; a column a score."""
    networks = {"this network": metrics, **metrics["rivals"]}
    baselines = [metrics["baseline"], *metrics["other_baselines"]]
    columns = (*outcome.scores, "parameters", "epochs", "seconds")
    rows = [{"method": name, **_selected(row, columns)} for name, row in networks.items()]
    return rows + [{"method": row["name"], **_selected(row, columns)} for row in baselines]


def _selected(row: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    return {_words(name): row.get(name) for name in columns}


def _side_by_side(task: Task, outcome: Outcome) -> Picture:
    outcomes = {"this network": outcome, **outcome.rivals}
    histories = {
        name: {task.monitor: [row[task.monitor] for row in one.history]}
        for name, one in outcomes.items()
    }
    return Picture(
        "Side by side",
        reports.plot_runs(histories, task.monitor),
        f"The {_words(task.monitor)} of each network by epoch, its best epoch marked.",
        "Curves of one metric, a line a network.",
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
