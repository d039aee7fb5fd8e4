"""A space around any task: its own network, smaller and larger, and how fast it learns."""

from collections.abc import Callable
from typing import Any

from keras_tuner import HyperParameters

from keras_dlnotes.runs import Task
from keras_dlnotes.tuning.spaces import CELLS, TASK_SPACES, Space, training


def space_of(task: Task) -> Space:
    """Returns the space that was made for a task, or else the one around it."""
    return TASK_SPACES.get(task.name) or around(task)


def around(task: Task) -> Space:
    """Returns the space of those of the task's arguments that have a rule here.

    The rate of learning is always among them. What a task is about, such as the size of a code or
    whether it reads both ways, stays.

    >>> from keras_dlnotes import tasks
    >>> sorted(around(tasks.get("vowels"))(HyperParameters()))
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


def _times(hp: HyperParameters, name: str, value: Any) -> Any:
    """Half of a width, the width itself or twice of it; of several widths, all alike."""
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


RULES = {
    "filters": _times,
    "units": _times,
    "hidden": _times,
    "embedding_dim": _times,
    "growth_rate": _times,
    "dropout": _up_to(0.6),
    "shift": _up_to(0.2),
    "rotation": _up_to(0.1),
    "cell": _cell,
}
