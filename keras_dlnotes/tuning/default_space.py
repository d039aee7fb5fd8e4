"""The default search space of a task: narrower and wider networks, and the learning rate."""

from collections.abc import Callable
from typing import Any

from keras_tuner import HyperParameters

from keras_dlnotes.runs.task import Task
from keras_dlnotes.tuning.spaces import CELLS, TASK_SPACES, Space, training


def task_space(task: Task) -> Space:
    """Returns a task's own search space, or its default one."""
    return TASK_SPACES.get(task.name) or default_space(task)


def default_space(task: Task) -> Space:
    """Returns a space over the learning rate and those of the task's arguments that have a rule.

    Arguments that define the task, such as the size of a latent code, stay fixed.

    >>> from keras_dlnotes import tasks
    >>> sorted(default_space(tasks.get("vowels"))(HyperParameters()))
    ['cell', 'dropout', 'learning_rate', 'units']
    """

    def space(hp: HyperParameters) -> dict[str, Any]:
        chosen = {
            name: RULES[name](hp, name, value)
            for name, value in task.arguments.items()
            if name in RULES
        }
        return chosen | training(hp, task.learning_rate)

    return space


def _scaled(hp: HyperParameters, name: str, value: Any) -> Any:
    """Half, once or twice a width; several widths are scaled by one factor."""
    if isinstance(value, int):
        return hp.Choice(name, [max(value // 2, 1), value, 2 * value], default=value)
    factor = hp.Choice(f"{name} times", [0.5, 1.0, 2.0], default=1.0)
    return tuple(max(round(factor * width), 1) for width in value)


def _up_to(largest: float) -> Callable[[HyperParameters, str, float], float]:
    def choose(hp: HyperParameters, name: str, value: float) -> float:
        return hp.Float(name, 0.0, largest, default=value)

    return choose


def _cell(hp: HyperParameters, name: str, value: str) -> str:
    return hp.Choice(name, list(CELLS), default=value)


RULES: dict[str, Callable[[HyperParameters, str, Any], Any]] = {
    "filters": _scaled,
    "units": _scaled,
    "hidden": _scaled,
    "embedding_dim": _scaled,
    "growth_rate": _scaled,
    "dropout": _up_to(0.6),
    "shift": _up_to(0.2),
    "rotation": _up_to(0.1),
    "cell": _cell,
}
