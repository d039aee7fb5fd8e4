"""Checks the arguments of `search` and `work`, and makes the recipe and the objective of them."""

import re
from pathlib import Path
from typing import Any

import keras_tuner

from keras_dlnotes.common.checks import argument_error, function, integer, is_sequence, path, text
from keras_dlnotes.common.metrics import DIRECTIONS, direction_of
from keras_dlnotes.runs.task import Splits, Task, check_data
from keras_dlnotes.training.arguments import rows
from keras_dlnotes.tuning.default_space import task_space
from keras_dlnotes.tuning.recipes import (
    HyperModelRecipe,
    Recipe,
    Space,
    TaskRecipe,
    check_hypermodel,
    has_custom_fit,
)
from keras_dlnotes.tuning.service import split_address
from keras_dlnotes.tuning.spaces import TASK_EPOCHS

EPOCHS = 10  # of a hypermodel's trial
BATCH_SIZE = 32
FILE_NAME = re.compile(r'[^<>:"/\\|?*\x00-\x1f]{1,200}')  # on every system
RESERVED = re.compile("con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)  # on Windows


def make_recipe(
    task_or_hypermodel: Any,
    *,
    training: tuple[Any, ...] | None = None,
    validation: tuple[Any, ...] | None = None,
    space: Space | None = None,
    data: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    patience: int | None = None,
) -> Recipe:
    """Returns the recipe for the arguments of `search`."""
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if value is not None:
            integer(name, value, minimum=1)
    task, training, validation = check_trained(task_or_hypermodel, training, validation, space)
    if task is not None:
        check_data(task, data)
        from keras_dlnotes.tasks.table import TASKS

        return TaskRecipe(
            name=task.name,
            epochs=epochs or TASK_EPOCHS.get(task.name, task.epochs),
            batch_size=batch_size or task.batch_size,
            patience=patience or task.patience,
            objective=task.monitor,
            task=task,
            space=space or task_space(task),
            data=data or task.data,
            is_ours=TASKS.get(task.name) is task,
        )
    if data is not None:
        raise argument_error("data", "None for a hypermodel, which has its own", data)
    given = {"epochs": epochs, "batch_size": batch_size}
    return HyperModelRecipe(
        name=check_hypermodel(task_or_hypermodel),
        epochs=epochs or EPOCHS,
        batch_size=batch_size or BATCH_SIZE,
        patience=patience,
        objective=None if has_custom_fit(task_or_hypermodel) else "val_loss",
        asked=frozenset(name for name, value in given.items() if value is not None),
        hypermodel=task_or_hypermodel,
        splits=Splits(training, validation, validation),
    )


def check_trained(
    task_or_hypermodel: Any, training: Any, validation: Any, space: Any
) -> tuple[Task | None, Any, Any]:
    """Returns the task, or None and the arrays of a hypermodel, as `rows` gives them.

    Raises:
        ValueError: if an argument is missing, or belongs to the other kind.
    """
    if isinstance(task_or_hypermodel, str | Task):
        for name, value in (("training", training), ("validation", validation)):
            if value is not None:
                raise argument_error(name, "None for a task, which has its own data", "arrays")
        if space is not None:
            function("space", space)
        if isinstance(task_or_hypermodel, Task):
            return task_or_hypermodel, None, None
        from keras_dlnotes.tasks.table import find  # needs packages that hypermodels do not

        return find("task_or_hypermodel", task_or_hypermodel), None, None
    check_hypermodel(task_or_hypermodel)
    if space is not None:
        raise argument_error("space", "None for a hypermodel, which has its own", space)
    for argument, value in (("training", training), ("validation", validation)):
        if not isinstance(value, tuple | list) or not 2 <= len(value) <= 3:
            received = type(value).__name__
            raise argument_error(argument, "a tuple (inputs, targets) for a hypermodel", received)
    return None, rows("training", training), rows("validation", validation)


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
    objective: str | keras_tuner.Objective | None,
) -> keras_tuner.Objective | None:
    """Returns an objective with its direction, which is inferred from its name if it is not given.

    None stays None: the dry run derives the objective.

    >>> check_objective("val_accuracy").direction
    'max'
    """
    if objective is None:
        return None
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
