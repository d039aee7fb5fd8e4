"""The parts of a task: its data splits, baselines, outcome, and figures or texts for the page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.metrics import Score, score_of
from keras_dlnotes.data import names
from keras_dlnotes.runs.batches import ShuffledBatches
from keras_dlnotes.training.arguments import as_arguments

Arrays = tuple[Any, ...]


class UnsuitableDataError(ValueError):
    """A data set is of the wrong kind for a task."""


@dataclass(frozen=True)
class Splits:
    """Data ready for `fit`.

    Attributes:
        training: (inputs, targets), or with sample weights, to train on.
        validation: the same for early stopping.
        test: the same for scoring the finished model, and nothing else.
        class_names: names of the classes, if any.
        context: what else the task's functions need: a vocabulary, a scale.
    """

    training: Arrays
    validation: Arrays
    test: Arrays
    class_names: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """The scores of a simple method on the same splits.

    Attributes:
        name: the method and, if it was trained, its training data.
        scores: named like those of the task's `score`.
    """

    name: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """A finished fit.

    Attributes:
        model: the trained model with the weights of its best epoch.
        splits: its data.
        scores: the result of the task's `score`.
        history: the logs of each epoch.
        best_epoch: the epoch of the model's weights, counted from 1.
        variants: name → outcome of each variant, which has no variants itself.
    """

    model: keras.Model
    splits: Splits
    scores: Mapping[str, float]
    history: Sequence[Mapping[str, float]]
    best_epoch: int
    variants: Mapping[str, "Outcome"] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A figure on the report page.

    Attributes:
        title: heading above it.
        figure: of matplotlib.
        caption: what it shows.
        alt: the same for readers who can't see it.
        look_for: what a reader should look for in it.
        see: the page of the documentation that explains it.
    """

    title: str
    figure: Figure
    caption: str
    alt: str
    look_for: str = ""
    see: str = ""


@dataclass(frozen=True)
class Passages:
    """Texts on the report page, each under its name, with their line breaks."""

    title: str
    texts: Mapping[str, str]
    caption: str


def joined(splits: Splits) -> Arrays:
    """Returns the training examples followed by those for validation.

    Raises:
        ValueError: if their arrays differ in structure or in the shape of an example.

    >>> joined(Splits((np.zeros(2), np.zeros(2)), (np.ones(1), np.ones(1)), ()))[0]
    array([0., 0., 1.])
    """
    parts = [keras.tree.lists_to_tuples(tuple(one)) for one in (splits.training, splits.validation)]
    try:
        keras.tree.assert_same_structure(*parts)
        return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
    except ValueError as error:
        expected = "given, since training and validation data cannot be joined"
        if {len(part) for part in parts} == {2, 3}:
            expected = "given, since only one of training and validation data has sample weights"
        shapes = [keras.tree.map_structure(np.shape, part) for part in parts]
        raise argument_error("training", expected, None, f"Shapes: {shapes}") from error


def score_by_evaluate(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the loss and the compiled metrics on the test data, as `test_NAME`."""
    by_place, weights = as_arguments(splits.test)
    scores = model.evaluate(*by_place, **weights, verbose=0, return_dict=True)
    return {f"test_{name}": float(value) for name, value in scores.items()}


@dataclass(frozen=True, kw_only=True)
class Task:
    """An example fit: data, model, training, scores, baselines and figures.

    Attributes:
        name: for the command line and `tasks.get`.
        description: one line.
        section: the section of the lecture notes that the task illustrates.
        see: the page of the documentation that explains the section.
        data: name of the data set, as in `data.load`.
        prepare: name of a data set → `Splits`; raises `UnsuitableDataError` for the wrong kind.
        build: (`Splits`, **arguments) → uncompiled model.
        arguments: keyword arguments for `build`.
        variants: name → other keyword arguments for `build`; each variant is trained and scored in
            the same way, for comparison.
        loss: as in `compile`.
        metrics: as in `compile`.
        learning_rate: initial learning rate of the Adam optimizer.
        halving_epochs: epochs in which it decays exponentially to one half; None keeps it constant.
        epochs: maximum epochs.
        batch_size: batch size.
        patience: epochs without a better `monitor` after which training stops.
        monitor: the logged value that should improve.
        batches: (arrays, batch size, seed) → the batches of an epoch, such as `ShuffledBatches`.
        carry_states: whether recurrent layers carry their states from batch to batch within an
            epoch; the batches must be consecutive in time, with `batch_size` rows each.
        join: `Splits` → the training and validation examples together, to train a final model on.
        score: (model, `Splits`) → name → score.
        scores: name of a score → how to read it, where the name alone does not say that.
        primary_metric: the name of the score to report first.
        baseline: `Splits` → one `Baseline`, or several with the best one first.
        pictures: `Outcome` → the task's own `Picture`s and `Passages`, most important first.
    """

    name: str
    description: str
    section: str
    see: str = ""
    data: str
    prepare: Callable[[str], Splits]
    build: Callable[..., keras.Model]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
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
    join: Callable[[Splits], Arrays] = joined
    score: Callable[[keras.Model, Splits], dict[str, float]] = score_by_evaluate
    scores: Mapping[str, Score] = field(default_factory=dict)
    primary_metric: str
    baseline: Callable[[Splits], Baseline | Sequence[Baseline]]
    pictures: Callable[[Outcome], Iterable[Picture | Passages]]

    def score_named(self, name: str) -> Score:
        """Returns how to read a score."""
        return self.scores.get(name) or score_of(name)


def check_data(task: Task, name: str | None) -> None:
    """Raises if the name is neither that of the task's own data set nor known to `data.load`."""
    if name is None or (isinstance(name, str) and name == task.data):
        return
    known = names()
    if not isinstance(name, str) or not (name in known or name.startswith("tfds:")):
        expected = f"one of {', '.join(map(repr, known))}, or 'tfds:NAME'"
        raise argument_error("data", expected, name)
