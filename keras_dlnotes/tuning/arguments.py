"""From the arguments of `search` and `work` to what is trained, and what is improved."""

from typing import Any

import keras_tuner

from keras_dlnotes.checks import argument_error, choice, integer
from keras_dlnotes.reports.search_trials import guess_direction
from keras_dlnotes.tasks import Splits, Task, get
from keras_dlnotes.tuning.neighbours import space_of
from keras_dlnotes.tuning.recipes import (
    HyperModelRecipe,
    Recipe,
    Space,
    TaskRecipe,
    check_hypermodel,
)
from keras_dlnotes.tuning.spaces import TASK_EPOCHS

EPOCHS = 10  # of a hypermodel's trial
BATCH_SIZE = 32


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
    """Returns what to train, from the arguments of `search`."""
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if value is not None:
            integer(name, value, minimum=1)
    if isinstance(task_or_hypermodel, str | Task):
        task = task_or_hypermodel
        task = get(task) if isinstance(task, str) else task
        for name, value in (("training", training), ("validation", validation)):
            if value is not None:
                raise argument_error(name, "None for a task, which has its own data", "arrays")
        return TaskRecipe(
            name=task.name,
            epochs=epochs or TASK_EPOCHS.get(task.name, task.epochs),
            batch_size=batch_size or task.batch_size,
            patience=patience or task.patience,
            objective=task.monitor,
            task=task,
            space=space or space_of(task),
            data=data or task.data,
        )
    name = check_hypermodel(task_or_hypermodel)
    for argument, value in (("space", space), ("data", data)):
        if value is not None:
            raise argument_error(argument, "None for a hypermodel, which has its own", value)
    for argument, value in (("training", training), ("validation", validation)):
        if not isinstance(value, tuple | list) or not 2 <= len(value) <= 3:
            received = type(value).__name__
            raise argument_error(argument, "a tuple (inputs, targets) for a hypermodel", received)
    return HyperModelRecipe(
        name=name,
        epochs=epochs or EPOCHS,
        batch_size=batch_size or BATCH_SIZE,
        patience=patience,
        hypermodel=task_or_hypermodel,
        splits=Splits(tuple(training), tuple(validation), tuple(validation)),
    )


def check_objective(objective: str | keras_tuner.Objective) -> keras_tuner.Objective:
    """Returns an objective with its direction, which the name tells where it is not given.

    >>> check_objective("val_accuracy").direction
    'max'
    """
    if isinstance(objective, str):
        try:
            direction = guess_direction(objective)
        except ValueError as error:
            expected = (
                "a name that tells whether more is better, or keras_tuner.Objective(name, "
                "direction)"
            )
            raise argument_error("objective", expected, objective) from error
        return keras_tuner.Objective(objective, direction)
    if not isinstance(objective, keras_tuner.Objective) or not isinstance(objective.name, str):
        raise argument_error("objective", "a metric's name or a keras_tuner.Objective", objective)
    choice("direction", objective.direction, ("min", "max"))
    return objective
