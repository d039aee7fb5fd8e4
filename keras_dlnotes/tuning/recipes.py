"""Recipes: how hyperparameters become a compiled model, and the data to train it on."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import keras
import keras_tuner
from keras_tuner.errors import FatalTypeError

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.runs.batches import ShuffledBatches
from keras_dlnotes.runs.fit import compiled
from keras_dlnotes.runs.resumable import feed_of
from keras_dlnotes.runs.task import Splits, Task, joined
from keras_dlnotes.tuning.compiling import recompiled
from keras_dlnotes.tuning.data import opened

Space = Callable[[keras_tuner.HyperParameters], Mapping[str, Any]]
TRAINING = ("learning_rate", "halving_epochs", "batch_size")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the trials of a search train.

    Attributes:
        name: of the search.
        epochs: the maximum number of epochs of a trial.
        batch_size: the batch size.
        patience: epochs without improvement after which a trial stops; None for never.
        objective: name of the logged value to improve by default; None if it depends on what a
            trial returns.
        asked: which of "epochs", "batch_size" and `fit_arguments` the user has set.
        fit_arguments: further arguments of `fit`, such as "class_weight".
        callbacks: the user's, pickled.
    """

    name: str
    epochs: int
    batch_size: int
    patience: int | None = None
    objective: str | None = "val_loss"
    asked: frozenset[str] = frozenset()
    fit_arguments: Mapping[str, Any] = field(default_factory=dict)
    callbacks: bytes | None = None

    def outline(self) -> "Recipe":
        """Returns the recipe without data or model, for a process that needs neither."""
        kept = {part.name: getattr(self, part.name) for part in fields(Recipe)}
        return Recipe(**(kept | {"callbacks": None}))

    def declare(self, hp: keras_tuner.HyperParameters) -> Any:
        """Declares the hyperparameters that are active for these values on `hp`."""
        raise NotImplementedError

    def build(self, hp: keras_tuner.HyperParameters, splits: Splits) -> keras.Model:
        """Returns a compiled model."""
        raise NotImplementedError

    def load(self) -> Splits:
        """Returns the data."""
        raise NotImplementedError

    def batch_size_of(self, hp: keras_tuner.HyperParameters) -> int:
        """Returns the batch size, which may be a hyperparameter."""
        return self.batch_size

    def task_for(self, hp: keras_tuner.HyperParameters) -> Task | None:
        """Returns the task with these hyperparameters; None for a hypermodel."""
        return None

    def batches(self, arrays: tuple[Any, ...], batch_size: int, seed: int) -> Any:
        """Returns the batches of an epoch."""
        return ShuffledBatches(arrays, batch_size, seed)

    def join(self, splits: Splits) -> tuple[Any, ...]:
        """Returns the training and validation examples together."""
        return joined(splits)

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model) -> Callable:
        """Returns `model.fit`, or the custom `fit` that replaces it."""
        return model.fit

    @property
    def is_loaded_once(self) -> bool:
        """Whether all executions share the data, which reading does not change."""
        return True

    def first_batches(self, splits: Splits, hp: keras_tuner.HyperParameters, seed: int) -> Any:
        """Returns one or two batches of the training data, to build a model on."""
        steps = self.fit_arguments.get("steps_per_epoch")
        size = self.batch_size_of(hp)
        return feed_of(splits.training, self.batches, size, seed, steps).sample()

    @property
    def has_custom_fit(self) -> bool:
        """Whether a custom `fit` replaces `model.fit`."""
        return False

    @property
    def has_epochs(self) -> bool:
        """Whether a trial logs its objective after each epoch."""
        return True

    @property
    def carry_states(self) -> bool:
        """Whether recurrent layers carry their states from batch to batch; see `fit_resumable`."""
        return False

    @property
    def has_known_data(self) -> bool:
        """Whether the name identifies the data, so that their values need not be compared."""
        return False


@dataclass(frozen=True, kw_only=True)
class TaskRecipe(Recipe):
    """A task whose arguments are set by a search space.

    Attributes:
        task: the task, whose other arguments stay unchanged.
        space: hp → arguments of the task's builder and of its training.
        data: name of the data set.
        is_ours: whether it is one of the tasks of `tasks.get`.
    """

    task: Task
    space: Space
    data: str
    is_ours: bool = False

    def declare(self, hp: keras_tuner.HyperParameters) -> Any:
        return self.space(hp)

    def build(self, hp: keras_tuner.HyperParameters, splits: Splits) -> keras.Model:
        task = self.task_for(hp)
        return compiled(task, splits, self.batch_size_of(hp), task.arguments)

    def load(self) -> Splits:
        return self.task.prepare(self.data)

    def batch_size_of(self, hp: keras_tuner.HyperParameters) -> int:
        return self.space(hp).get("batch_size", self.batch_size)

    def batches(self, arrays: tuple[Any, ...], batch_size: int, seed: int) -> Any:
        return self.task.batches(arrays, batch_size, seed)

    def join(self, splits: Splits) -> tuple[Any, ...]:
        return self.task.join(splits)

    @property
    def carry_states(self) -> bool:
        return self.task.carry_states

    @property
    def has_known_data(self) -> bool:
        return self.is_ours

    def task_for(self, hp: keras_tuner.HyperParameters) -> Task:
        found = dict(self.space(hp))
        found.pop("batch_size", None)
        training = {name: found.pop(name) for name in TRAINING if name in found}
        return replace(self.task, arguments={**self.task.arguments, **found}, **training)


@dataclass(frozen=True, kw_only=True)
class HyperModelRecipe(Recipe):
    """A user's own hypermodel with its data.

    Attributes:
        hypermodel: `build(hp)` → compiled model, or a `keras_tuner.HyperModel`.
        splits: the data, as `movable` gives them.
        validation_split: share of the training data that are for validation.
        compiled_with: what replaces the optimizer, the loss or the metrics; see `replacements`.
    """

    hypermodel: Any
    splits: Splits
    validation_split: float | None = None
    compiled_with: Mapping[str, Any] = field(default_factory=dict)

    def declare(self, hp: keras_tuner.HyperParameters) -> Any:
        if isinstance(self.hypermodel, keras_tuner.HyperModel):
            self.hypermodel.declare_hyperparameters(hp)
        return self._build(hp)

    def build(self, hp: keras_tuner.HyperParameters, splits: Splits) -> keras.Model:
        model = self._build(hp)
        if not isinstance(model, keras.Model):
            raise FatalTypeError(f"build(hp) must return a keras.Model. It returned: {model!r}")
        recompiled(model, self.compiled_with)
        if not self.has_custom_fit and not getattr(model, "compiled", False):
            message = "build(hp) must return a compiled model. Call model.compile(…) in it."
            raise FatalTypeError(message)
        return model

    def load(self) -> Splits:
        return opened(self.splits, self.validation_split)

    @property
    def is_loaded_once(self) -> bool:
        return isinstance(self.splits.training, tuple)

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model) -> Callable:
        custom = self.has_custom_fit
        return functools.partial(self.hypermodel.fit, hp, model) if custom else model.fit

    @property
    def has_custom_fit(self) -> bool:
        return has_custom_fit(self.hypermodel)

    def _build(self, hp: keras_tuner.HyperParameters) -> Any:
        is_model = isinstance(self.hypermodel, keras_tuner.HyperModel)
        return self.hypermodel.build(hp) if is_model else self.hypermodel(hp)


def has_custom_fit(hypermodel: Any) -> bool:
    """Returns whether a hypermodel overrides `HyperModel.fit`."""
    if not isinstance(hypermodel, keras_tuner.HyperModel):
        return False
    return getattr(hypermodel.fit, "__func__", None) is not keras_tuner.HyperModel.fit


def check_hypermodel(value: Any) -> str:
    """Returns the name of a hypermodel; raises if the value is not a hypermodel.

    >>> check_hypermodel(functools.partial(max, 0))
    'max'
    """
    if isinstance(value, keras_tuner.HyperModel):
        return str(value.name or type(value).__name__)
    if callable(value) and not inspect.isclass(value):
        if isinstance(value, functools.partial):
            return check_hypermodel(value.func)
        return getattr(value, "__name__", type(value).__name__)
    expected = "a task's name, a Task, a function build(hp) or a keras_tuner.HyperModel"
    raise argument_error("task_or_hypermodel", expected, value)
