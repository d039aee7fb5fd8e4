"""What an example fit is made of."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
from matplotlib.figure import Figure

Arrays = tuple[Any, ...]


class UnsuitableDataError(ValueError):
    """A data set isn't of the kind that a task works on."""


@dataclass(frozen=True)
class Splits:
    """Data that is ready for `fit`.

    Attributes:
        training: (inputs, targets) to train on.
        validation: the same, for deciding when to stop.
        test: the same, for scoring the finished model, and for nothing else.
        class_names: what the classes are called, where there are classes.
    """

    training: Arrays
    validation: Arrays
    test: Arrays
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """What a simple method scores on the same splits.

    Attributes:
        name: of the method, and what it was trained on.
        scores: as those of the task's `score`.
    """

    name: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Picture:
    """A figure of the report page."""

    title: str
    figure: Figure
    caption: str
    alt: str


def score_by_evaluate(model: keras.Model, test: Arrays) -> dict[str, float]:
    """Returns the loss and the compiled metrics on the test data, as `test_NAME`."""
    scores = model.evaluate(*test, verbose=0, return_dict=True)
    return {f"test_{name}": float(value) for name, value in scores.items()}


@dataclass(frozen=True, kw_only=True)
class Task:
    """An example fit: data, a model, how to train it, how to judge it and what to draw.

    Attributes:
        name: by which the command line and `tasks.get` know it.
        description: one line.
        section: of the lecture notes that the task shows.
        data: name of the data set, as `data.load` takes it.
        prepare: data set's name → `Splits`; raises `UnsuitableDataError` for the wrong kind.
        build: (`Splits`, **arguments) → uncompiled model.
        arguments: keyword arguments for `build`.
        loss: as in `compile`.
        metrics: as in `compile`.
        learning_rate: of the Adam optimizer, at the start.
        halving_epochs: epochs in which it falls to a half, smoothly; None keeps it constant.
        epochs: most epochs.
        batch_size: examples a step.
        patience: epochs without a lower validation loss after which training stops.
        score: (model, test arrays) → numbers by name.
        headline: which of these numbers the task is about.
        baseline: `Splits` → `Baseline`.
        pictures: (model, `Splits`) → the report's own pictures, best ones first.
    """

    name: str
    description: str
    section: str
    data: str
    prepare: Callable[[str], Splits]
    build: Callable[..., keras.Model]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    loss: Any
    metrics: tuple[Any, ...] = ()
    learning_rate: float = 1e-3
    halving_epochs: float | None = None
    epochs: int
    batch_size: int
    patience: int
    score: Callable[[keras.Model, Arrays], dict[str, float]] = score_by_evaluate
    headline: str
    baseline: Callable[[Splits], Baseline]
    pictures: Callable[[keras.Model, Splits], Iterable[Picture]]
