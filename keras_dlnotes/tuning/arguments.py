"""Checks the arguments of `search` and `work`, and makes the recipe and the objective of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras_tuner

from keras_dlnotes.common.checks import (
    argument_error,
    fraction,
    function,
    integer,
    is_sequence,
    mapping,
    number,
    path,
    text,
)
from keras_dlnotes.common.metrics import DIRECTIONS, direction_of
from keras_dlnotes.runs.task import Splits, Task, check_data
from keras_dlnotes.tuning.callbacks import pickled_callbacks
from keras_dlnotes.tuning.compiling import replacements
from keras_dlnotes.tuning.data import Graph, Pickled, divided, movable
from keras_dlnotes.tuning.default_space import task_space
from keras_dlnotes.tuning.objectives import Objectives, parts
from keras_dlnotes.tuning.recipes import (
    HyperModelRecipe,
    Recipe,
    Space,
    TaskRecipe,
    check_hypermodel,
    has_custom_fit,
)
from keras_dlnotes.tuning.score import ScoreRecipe
from keras_dlnotes.tuning.service import split_address
from keras_dlnotes.tuning.spaces import TASK_EPOCHS

EPOCHS = 10  # of a hypermodel's trial
BATCH_SIZE = 32
MAX_WORKERS = 1024
FILE_NAME = re.compile(r'[^<>:"/\\|?*\x00-\x1f]{1,200}')  # on every system
RESERVED = re.compile("con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)  # on Windows


def make_recipe(
    task_or_hypermodel: Any,
    *,
    training: Any = None,
    validation: Any = None,
    validation_split: float | None = None,
    class_weight: Mapping[int, float] | None = None,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    callbacks: Any = (),
    optimizer: Any = None,
    loss: Any = None,
    metrics: Any = None,
    space: Space | None = None,
    data: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    patience: int | None = None,
) -> Recipe:
    """Returns the recipe for the arguments of `search`."""
    fit = checked_fit_arguments(class_weight, steps_per_epoch, validation_steps)
    copies = pickled_callbacks(callbacks)
    compiled_with = replacements(optimizer=optimizer, loss=loss, metrics=metrics)
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if value is not None:
            integer(name, value, minimum=1)
    task, training, validation = check_trained(
        task_or_hypermodel, training, validation, space, validation_split
    )
    if compiled_with and (task is not None or training is None):
        name = next(iter(compiled_with))
        raise argument_error(name, "None but for a hypermodel", compiled_with[name])
    if task is not None:
        check_data(task, data)
        from keras_dlnotes.tasks.table import TASKS

        return TaskRecipe(
            name=task.name,
            epochs=epochs or TASK_EPOCHS.get(task.name, task.epochs),
            batch_size=batch_size or task.batch_size,
            patience=patience or task.patience,
            fit_arguments=fit,
            callbacks=copies,
            objective=task.monitor,
            task=task,
            space=space or task_space(task),
            data=data or task.data,
            is_ours=TASKS.get(task.name) is task,
        )
    if data is not None:
        raise argument_error("data", "None for a hypermodel, which has its own", data)
    if training is None:
        given = {"batch_size": batch_size, "patience": patience, "callbacks": copies} | fit
        for name, value in given.items():
            if value is not None:
                expected = "None for a function, which trains whatever it trains itself"
                raise argument_error(name, expected, callbacks if name == "callbacks" else value)
        return ScoreRecipe(
            name=check_hypermodel(task_or_hypermodel),
            epochs=epochs or EPOCHS,
            batch_size=BATCH_SIZE,
            objective=None,
            function=task_or_hypermodel,
        )
    given = {"epochs": epochs, "batch_size": batch_size} | fit
    if validation_split is not None and isinstance(training, tuple):
        training, validation = divided(training, validation_split)
        validation_split = None
    return HyperModelRecipe(
        name=check_hypermodel(task_or_hypermodel),
        epochs=epochs or EPOCHS,
        batch_size=batch_size or BATCH_SIZE,
        patience=patience,
        fit_arguments=fit,
        callbacks=copies,
        objective=None if has_custom_fit(task_or_hypermodel) else "val_loss",
        asked=frozenset(name for name, value in given.items() if value is not None),
        hypermodel=task_or_hypermodel,
        splits=Splits(training, validation, validation),
        validation_split=validation_split,
        compiled_with=compiled_with,
    )


def checked_fit_arguments(
    class_weight: Any, steps_per_epoch: Any, validation_steps: Any
) -> dict[str, Any]:
    """Returns the further arguments of `fit` that are given."""
    if class_weight is not None:
        for key, value in mapping("class_weight", class_weight).items():
            integer("class_weight", key, 0)
            number("class_weight", value, 0)
        class_weight = {int(key): float(value) for key, value in class_weight.items()}
    for name, value in (
        ("steps_per_epoch", steps_per_epoch),
        ("validation_steps", validation_steps),
    ):
        if value is not None:
            integer(name, value, 1)
    found = {
        "class_weight": class_weight,
        "steps_per_epoch": steps_per_epoch,
        "validation_steps": validation_steps,
    }
    return {name: value for name, value in found.items() if value is not None}


def check_trained(
    task_or_hypermodel: Any,
    training: Any,
    validation: Any,
    space: Any,
    validation_split: float | None = None,
) -> tuple[Task | None, Any, Any]:
    """Returns the task, or None and the data of a hypermodel, as `movable` gives them.

    A plain function has no data.

    Raises:
        ValueError: if an argument is missing, or belongs to the other kind.
    """
    if isinstance(task_or_hypermodel, str | Task):
        own = {"training": training, "validation": validation, "validation_split": validation_split}
        for name, value in own.items():
            if value is not None:
                raise argument_error(name, "None for a task, which has its own data", type(value))
        if space is not None:
            function("space", space)
        if isinstance(task_or_hypermodel, Task):
            return task_or_hypermodel, None, None
        from keras_dlnotes.tasks.table import find  # needs packages that hypermodels do not

        return find("task_or_hypermodel", task_or_hypermodel), None, None
    check_hypermodel(task_or_hypermodel)
    if space is not None:
        raise argument_error("space", "None for a hypermodel, which has its own", space)
    if training is None and validation is None and validation_split is None:
        if has_custom_fit(task_or_hypermodel):
            return None, (), None
        if not isinstance(task_or_hypermodel, keras_tuner.HyperModel):
            return None, None, None  # a plain function
    training = movable("training", training)
    if validation_split is not None:
        if validation is not None:
            expected = "None beside `validation`"
            raise argument_error("validation_split", expected, validation_split)
        if isinstance(training, Graph | Pickled):
            expected = "None for data other than arrays, whose end is not known beforehand"
            raise argument_error("validation_split", expected, validation_split)
        fraction("validation_split", validation_split)
        return None, training, None
    if validation is None and has_custom_fit(task_or_hypermodel):
        return None, training, None
    return None, training, movable("validation", validation)


def search_path(directory: Any, name: str) -> Path:
    """Returns the folder of a search, by default `searches/NAME`.

    >>> search_path(None, "digits").as_posix()
    'searches/digits'
    """
    if directory is not None:
        return path("directory", directory)
    is_reserved = RESERVED.fullmatch(name.partition(".")[0])
    if not FILE_NAME.fullmatch(name) or name.endswith((".", " ")) or is_reserved:
        expected = f"given, since {name!r} cannot be the name of a folder"
        raise argument_error("directory", expected, directory)
    return Path("searches") / name


def check_address(name: str, value: Any) -> None:
    """Raises if an argument is not HOST:PORT."""
    try:
        split_address(text(name, value))
    except ValueError as error:
        raise argument_error(name, "HOST:PORT, such as node7:8000", value) from error


def check_listeners(loggers: Any, on_progress: Any) -> None:
    """Raises if a logger has no method `log`, or `on_progress` cannot be called."""
    if not is_sequence(loggers) or not all(
        callable(getattr(logger, "log", None)) and not isinstance(logger, type)
        for logger in loggers
    ):
        raise argument_error("loggers", "a list of objects with a method `log`", loggers)
    if on_progress is not None:
        function("on_progress", on_progress)


def check_objective(
    objective: Any,
) -> keras_tuner.Objective | None:
    """Returns an objective with its direction, which is inferred from its name if it is not given.

    None stays None: the dry run derives the objective.

    >>> check_objective("val_accuracy").direction
    'max'
    """
    if objective is None:
        return None
    if isinstance(objective, list | tuple) and objective:
        found = [check_objective(entry) for entry in objective]
        if any(entry is None or isinstance(entry, Objectives) for entry in found):
            raise argument_error("objective", "a list of names and objectives", objective)
        return parts(found) if len(found) > 1 else found[0]
    if isinstance(objective, str):
        try:
            direction = direction_of(objective)
        except ValueError as error:
            expected = (
                "a name that tells whether more is better, or keras_tuner.Objective(name, "
                "direction)"
            )
            raise argument_error("objective", expected, objective) from error
        return keras_tuner.Objective(objective, direction)
    if not isinstance(objective, keras_tuner.Objective) or not isinstance(objective.name, str):
        raise argument_error("objective", "a metric's name or a keras_tuner.Objective", objective)
    if objective.direction not in DIRECTIONS:
        expected = "a keras_tuner.Objective whose direction is 'min' or 'max'"
        raise argument_error("objective", expected, objective.direction)
    return objective
