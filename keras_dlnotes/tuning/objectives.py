"""Several objectives at once: the sum of those to minimize, less those to maximize."""

import math
from collections.abc import Mapping, Sequence

import keras
import keras_tuner

NAME = "multi_objective"  # KerasTuner's


class Objectives(keras_tuner.Objective):
    """The sum of the objectives to minimize, less the sum of those to maximize.

    >>> both = Objectives({"val_loss": "min", "val_accuracy": "max"})
    >>> both.name, both.total({"val_loss": 0.5, "val_accuracy": 0.75})
    ('multi_objective', -0.25)
    """

    def __init__(self, directions: Mapping[str, str]):
        super().__init__(NAME, "min")
        self.directions = dict(directions)

    def total(self, logs: Mapping[str, float]) -> float | None:
        """Returns the value for an epoch's logs; None if one of the objectives is missing."""
        if any(name not in logs for name in self.directions):
            return None
        signs = {"min": 1, "max": -1}
        return math.fsum(signs[way] * logs[name] for name, way in self.directions.items())


def completed(objective: keras_tuner.Objective | None, logs: Mapping[str, float]) -> dict:
    """Returns logs with the value of several objectives, if there are several."""
    found = dict(logs)
    if isinstance(objective, Objectives) and NAME not in found:
        total = objective.total(found)
        if total is not None:
            found[NAME] = total
    return found


class LogTotal(keras.callbacks.Callback):
    """Adds the value of several objectives to the logs of each epoch."""

    def __init__(self, objective: keras_tuner.Objective | None):
        super().__init__()
        self._objective = objective

    def on_epoch_end(self, epoch, logs=None):
        if logs:
            logs.update(completed(self._objective, logs))


def objective_of(
    name: str | None, direction: str | None, directions: Mapping[str, str] | None
) -> keras_tuner.Objective | None:
    """Returns the objective that a search's settings describe."""
    if name is None:
        return None
    return Objectives(directions) if directions else keras_tuner.Objective(name, direction)


def parts(objectives: Sequence[keras_tuner.Objective]) -> Objectives:
    """Returns several objectives as one."""
    return Objectives({entry.name: entry.direction for entry in objectives})
