"""The report page of a finished run."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_dlnotes import reports
from keras_dlnotes.tasks.task import Picture, Splits, Task


def report_page(
    task: Task,
    model: keras.Model,
    splits: Splits,
    history: list[dict[str, float]],
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
    curves = {name: [row[name] for row in history] for name in history[0]}
    learning = Picture(
        "Learning curves",
        reports.plot_learning_curves(curves, best_epoch=metrics["best_epoch"]),
        "Loss and metrics by epoch. The model kept is that of the epoch with the lowest validation "
        "loss.",
        "Curves of the loss and of each metric over the epochs, for training and validation.",
    )
    for picture in (learning, *task.pictures(model, splits)):
        page.add_heading(picture.title)
        page.add_figure(picture.figure, picture.caption, picture.alt)
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


def _words(name: str) -> str:
    return name.replace("_", " ")
