"""The folder of a task's run: the shape of its settings and of its metrics."""

from typing import TypedDict

from keras_dlnotes.runs.checkpoints import RunState
from keras_dlnotes.runs.folder import RunFolder
from keras_dlnotes.runs.shapes import Count, Positive, Seconds, Text, misshapen
from keras_dlnotes.runs.task import Task


class FitSettings(TypedDict):
    """What a fit was started with."""

    task: Text
    data: Text
    epochs: Positive
    batch_size: Positive
    seed: Count
    strategy: Text
    backend: Text


class FitRecord(TypedDict):
    """`run.json` of a fit."""

    format: str
    settings: FitSettings


class Metrics(TypedDict):
    """`metrics.json`, which has the task's own scores, too."""

    task: Text
    data: Text
    parameters: Count
    epochs: Positive
    best_epoch: Positive
    seconds: Seconds
    rivals: dict[str, dict[str, float]]
    baseline: dict[str, float | str]
    other_baselines: list[dict[str, float | str]]
    seed: Count
    backend: Text
    versions: dict[str, str]


class FitFolder(RunFolder):
    """A `RunFolder` for a fit of a task."""

    record = FitRecord


def fault_in_metrics(metrics: Metrics, task: Task, state: RunState) -> str | None:
    """Says what in the metrics of a finished run is not of that run."""
    best = state.early_stopping["best_epoch"] + 1
    for name, value in {"task": task.name, "epochs": state.epoch, "best_epoch": best}.items():
        if metrics[name] != value:
            return f"`{name}` is {metrics[name]!r}, but the run has {value!r}"
    if metrics["rivals"].keys() != task.rivals.keys():
        return f"`rivals` has {', '.join(metrics['rivals']) or 'none'}"
    baselines = [metrics["baseline"], *metrics["other_baselines"]]
    faults = [
        misshapen(metrics.get(task.headline), float, task.headline),
        misshapen(baselines[0].get(task.headline), float, f"baseline.{task.headline}"),
        *(misshapen(one.get("name"), Text, "baseline.name") for one in baselines),
    ]
    return next(filter(None, faults), None)
