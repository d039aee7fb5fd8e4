"""The part of a search's page that shows its best model."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dlnotes import reports
from keras_dlnotes.runs import Splits, Task
from keras_dlnotes.runs.page import add_picture
from keras_dlnotes.runs.task import Outcome


def add_best_model(
    page: reports.Page,
    model: keras.Model,
    splits: Splits,
    history: Sequence[dict[str, float]],
    best_epoch: int,
    task: Task | None,
) -> None:
    """Adds the best model's learning curves, a task's own pictures of it, and what it costs."""
    page.add_heading("The best model")
    curves = {name: [row[name] for row in history] for name in history[0]}
    page.add_figure(
        reports.plot_learning_curves(curves, best_epoch=best_epoch),
        "Loss and metrics by epoch. The weights are those of the best epoch.",
        "Curves of the loss and of each metric over the epochs, for training and validation.",
    )
    if task is not None:
        scores = task.score(model, splits)
        page.add_facts(scores)
        for picture in task.pictures(Outcome(model, splits, scores, history, best_epoch)):
            add_picture(page, picture)
    page.add_heading("What the best model costs")
    rows = [
        {
            "layer": row.name,
            "kind": row.kind,
            "output shape": " × ".join(map(str, row.output_shape or ())),
            "parameters": row.parameters,
            "multiplications": row.multiplications,
        }
        for row in reports.summarize(model, _input_shape(model, splits)).rows
    ]
    page.add_table(rows, "Every layer, for one example")


def _input_shape(model: keras.Model, splits: Splits) -> Any:
    """Returns the shape of one example's inputs, where the model itself does not know it."""
    if getattr(model, "inputs", None):
        return None
    return keras.tree.map_structure(lambda array: array.shape[1:], splits.training[0])
