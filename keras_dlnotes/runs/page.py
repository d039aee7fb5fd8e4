"""The report page of a finished run, and what it shares with that of a finished search."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from keras_dlnotes import reports
from keras_dlnotes.common.metrics import Score, directions, score_of
from keras_dlnotes.common.printable import get_logger
from keras_dlnotes.runs.task import Outcome, Passages, Picture, Task

logger = get_logger("keras_dlnotes.runs")


@contextlib.contextmanager
def report_or_warning() -> Iterator[None]:
    """Logs a failure to write the report and carries on: the results matter more."""
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
    """Returns the page of a run: key figures, baselines, `add_outcome`, and the settings."""
    baseline = metrics["baseline"]
    page = reports.Page(f"dlnotes fit {task.name}", task.description)
    score = task.score_named(task.primary_metric)
    page.add_facts(
        {
            score.with_direction: score.value(metrics[task.primary_metric]),
            baseline["name"]: score.value(baseline[task.primary_metric]),
            "parameters": metrics["parameters"],
            "epochs": metrics["epochs"],
            "seconds of training": round(metrics["seconds"]),
        }
    )
    page.add_heading("Comparison")
    readings = {name: task.score_named(name) for name in outcome.scores}
    page.add_table(
        _scores(readings, metrics),
        f"Scores of each method on the same test data. {directions(readings.values())}",
    )
    add_outcome(page, outcome, task)
    page.add_heading("Settings")
    rows = {
        "lecture notes": task.section,
        **settings,
        **task.arguments,
        **{f"{package} version": version for package, version in metrics["versions"].items()},
    }
    page.add_table(
        [{"setting": name, "value": str(value)} for name, value in rows.items()],
        "Settings of the run",
    )
    return page


def add_scores(page: reports.Page, outcome: Outcome, task: Task) -> None:
    """Adds the scores of a network as key figures."""
    scores = {task.score_named(name): value for name, value in outcome.scores.items()}
    page.add_facts({score.with_direction: score.value(value) for score, value in scores.items()})


def add_outcome(page: reports.Page, outcome: Outcome, task: Task | None = None) -> None:
    """Adds learning curves, the task's own figures and texts, and the costs of each layer."""
    history = outcome.history
    curves = {name: [row[name] for row in history] for name in history[0]}
    page.add_heading("Learning curves")
    page.add_figure(
        reports.plot_learning_curves(curves, best_epoch=outcome.best_epoch),
        "Loss and metrics by epoch. The model has the weights of the best epoch.",
        "Curves of the loss and of each metric over the epochs, for training and validation.",
        "A validation curve that turns while the training curve still improves: from there on the "
        "network only gets better on what it was trained on. If both still improve at the end, "
        "more epochs may help. The training curve is the mean over an epoch, with dropout and "
        "augmentation at work, so it may be the worse one.",
        "derivations/tuning.md#learning-curves",
    )
    own = [] if task is None else task.pictures(outcome)
    variants = [_variants(task, outcome)] if task and outcome.variants else []
    for picture in (*variants, *own):
        page.add_heading(picture.title)
        if isinstance(picture, Passages):
            page.add_passages(picture.texts, picture.caption)
        else:
            page.add_figure(
                picture.figure, picture.caption, picture.alt, picture.look_for, picture.see
            )
    page.add_heading("Costs")
    page.add_table(_costs(outcome), "Each layer, for one example")


def _costs(outcome: Outcome) -> list[dict[str, Any]]:
    model, shape = outcome.model, None
    known = [tensor.shape[1:] for tensor in getattr(model, "inputs", None) or ()]
    if not known or None in keras.tree.flatten(known):
        inputs = outcome.splits.training[0]
        shape = keras.tree.map_structure(lambda array: array.shape[1:], inputs)
    return [
        {
            "layer": row.name,
            "kind": row.kind,
            "output shape": " × ".join(map(str, row.output_shape or ())),
            "parameters": row.parameters,
            "multiplications": row.multiplications,
        }
        for row in reports.summarize(model, shape).rows
    ]


def _scores(scores: Mapping[str, Score], metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each method: the network, its variants, the baselines; a column for each score."""
    networks = {"this network": metrics, **metrics["variants"]}
    baselines = [metrics["baseline"], *metrics["other_baselines"]]
    columns = {name: score.with_unit for name, score in scores.items()}
    columns |= {name: name for name in ("parameters", "epochs", "seconds")}

    def row(method: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"method": method} | {title: values.get(name) for name, title in columns.items()}

    rows = [row(name, values) for name, values in networks.items()]
    return rows + [row(baseline["name"], baseline) for baseline in baselines]


def _variants(task: Task, outcome: Outcome) -> Picture:
    outcomes = {"this network": outcome, **outcome.variants}
    histories = {
        name: {task.monitor: [row[task.monitor] for row in one.history]}
        for name, one in outcomes.items()
    }
    return Picture(
        "Variants",
        reports.plot_runs(histories, task.monitor),
        f"The {score_of(task.monitor).words} of each network by epoch, its best epoch marked.",
        "Curves of one metric, one for each network.",
        "Which network gets to the better value, and after how many epochs. All have the same "
        "data, seed and schedule of the learning rate.",
        task.see,
    )
