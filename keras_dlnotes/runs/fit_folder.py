"""The folder of a task's run, and the schema of its settings and metrics."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, NotRequired, TypedDict

from keras_dlnotes.runs.checkpoints import RunState
from keras_dlnotes.runs.folder import METRICS, VARIANTS, RunFolder
from keras_dlnotes.runs.records import read_or_quarantine
from keras_dlnotes.runs.schema import Count, Positive, Seconds, Text, schema_error
from keras_dlnotes.runs.task import Task

RIVALS = "rivals"  # what version 0.1 called the variants, as a folder and in `metrics.json`


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
    """`metrics.json`, which also has the task's own scores."""

    task: Text
    data: Text
    parameters: Count
    epochs: Positive
    best_epoch: Positive
    seconds: Seconds
    variants: NotRequired[dict[str, dict[str, float]]]
    rivals: NotRequired[dict[str, dict[str, float]]]
    baseline: dict[str, float | str]
    other_baselines: list[dict[str, float | str]]
    seed: Count
    backend: Text
    versions: dict[str, str]


class FitFolder(RunFolder):
    """A `RunFolder` for a fit of a task."""

    record = FitRecord

    def _continue(self, earlier: dict[str, Any]) -> None:
        super()._continue(earlier)
        self._rename_rivals()

    def _remove_run(self) -> None:
        self._rename_rivals()
        super()._remove_run()

    def _rename_rivals(self) -> None:
        """Renames the folder of an earlier version's variants, where the name is free."""
        rivals, variants = self.path / RIVALS, self.path / VARIANTS
        if (rivals / "0" / self.settings_file).is_file() and not os.path.lexists(variants):
            rivals.rename(variants)

    def read_metrics(self, task: Task, state: RunState) -> dict[str, Any] | None:
        """Returns the metrics of a finished run; None where the file is missing or corrupt."""
        check = partial(fault_in_metrics, task=task, state=state)
        metrics = read_or_quarantine(self.path / METRICS, Metrics, check)
        return None if metrics is None else with_variants(metrics)


def with_variants(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Returns metrics of this version or an earlier one, with the variants under their new name."""
    return {"variants" if name == RIVALS else name: value for name, value in metrics.items()}


def fault_in_metrics(metrics: Mapping[str, Any], task: Task, state: RunState) -> str | None:
    """Returns what in the metrics contradicts the run that they are supposed to be of."""
    best = state.early_stopping["best_epoch"] + 1
    for name, value in {"task": task.name, "epochs": state.epoch, "best_epoch": best}.items():
        if metrics[name] != value:
            return f"`{name}` is {metrics[name]!r}, but the run has {value!r}"
    variants = with_variants(metrics).get("variants")
    if variants is None:
        return "it lacks variants"
    if variants.keys() != task.variants.keys():
        return f"`variants` has {', '.join(variants) or 'none'}"
    name, baselines = task.primary_metric, [metrics["baseline"], *metrics["other_baselines"]]
    faults = [
        schema_error(metrics.get(name), float, name),
        schema_error(baselines[0].get(name), float, f"baseline.{name}"),
        *(schema_error(one.get("name"), Text, "baseline.name") for one in baselines),
    ]
    return next(filter(None, faults), None)
