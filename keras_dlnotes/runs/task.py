"""What an example fit is made of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from matplotlib.figure import Figure

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.data import names
from keras_dlnotes.runs.batches import ShuffledBatches
from keras_dlnotes.training.arguments import as_arguments

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
        context: what else the task's functions want to know of the data: a vocabulary, a scale.
    """

    training: Arrays
    validation: Arrays
    test: Arrays
    class_names: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)


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
class Outcome:
    """A finished fit.

    Attributes:
        model: trained, with the weights of its best epoch.
        splits: that it was trained, stopped and scored on.
        scores: what the task's `score` gave.
        history: the logs of each epoch, first to last.
        best_epoch: whose weights the model has, from 1.
        rivals: the same of each rival, by its name; a rival has none.
    """

    model: keras.Model
    splits: Splits
    scores: Mapping[str, float]
    history: Sequence[Mapping[str, float]]
    best_epoch: int
    rivals: Mapping[str, "Outcome"] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A figure of the report page."""

    title: str
    figure: Figure
    caption: str
    alt: str


@dataclass(frozen=True)
class Passages:
    """Texts on the report page, each under its name, their lines kept."""

    title: str
    texts: Mapping[str, str]
    caption: str


def score_by_evaluate(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the loss and the compiled metrics on the test data, as `test_NAME`."""
    by_place, weights = as_arguments(splits.test)
    scores = model.evaluate(*by_place, **weights, verbose=0, return_dict=True)
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
        rivals: by a name for the reader, arguments that make another network of it: each is trained
            and scored in the same way, to stand beside the task's own.
        loss: as in `compile`.
        metrics: as in `compile`.
        learning_rate: of the Adam optimizer, at the start.
        halving_epochs: epochs in which it falls to a half, smoothly; None keeps it constant.
        epochs: most epochs.
        batch_size: examples a step.
        patience: epochs without a better `monitor` after which training stops.
        monitor: the logged value that should improve.
        batches: (arrays, batch size, seed) → the batches of an epoch; `ShuffledBatches` or alike.
        carry_states: whether recurrent layers carry their states from batch to batch within an
            epoch; the batches then follow each other in time, and have `batch_size` rows.
        score: (model, `Splits`) → numbers by name.
        headline: which of these numbers the task is about.
        baseline: `Splits` → `Baseline`, or several of them, the one to beat first.
        pictures: `Outcome` → the report's own pictures or `Passages`, best ones first.
    """

    name: str
    description: str
    section: str
    data: str
    prepare: Callable[[str], Splits]
    build: Callable[..., keras.Model]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rivals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    loss: Any
    metrics: tuple[Any, ...] = ()
    learning_rate: float = 1e-3
    halving_epochs: float | None = None
    epochs: int
    batch_size: int
    patience: int
    monitor: str = "val_loss"
    batches: Callable[[Arrays, int, int], keras.utils.PyDataset] = ShuffledBatches
    carry_states: bool = False
    score: Callable[[keras.Model, Splits], dict[str, float]] = score_by_evaluate
    headline: str
    baseline: Callable[[Splits], Baseline | Sequence[Baseline]]
    pictures: Callable[[Outcome], Iterable[Picture | Passages]]


def check_data(task: Task, name: str | None) -> None:
    """Raises where a task is given another data set that `data.load` does not know."""
    if name is None or (isinstance(name, str) and name == task.data):
        return
    known = names()
    if not isinstance(name, str) or not (name in known or name.startswith("tfds:")):
        expected = f"one of {', '.join(map(repr, known))}, or 'tfds:NAME'"
        raise argument_error("data", expected, name)
