"""Finds the mistakes that would make every trial fail, before the first one begins."""

import tempfile
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.oracles import RandomSearchOracle

from keras_dlnotes.checks import argument_error
from keras_dlnotes.tasks import Splits
from keras_dlnotes.training import RunFolder
from keras_dlnotes.tuning.folder import default_values
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.trials import train_in


def look_ahead(recipe: Recipe, objective: keras_tuner.Objective) -> dict[str, Any]:
    """Explores the space, and makes one step with the default and with one random model.

    Returns:
        "space": the configuration of the `HyperParameters` that were found, and "metrics": the
        names that a trial logs.

    Raises:
        ValueError: where the objective is not among the metrics.
        Exception: whatever the data, the space, a model or a step raises.
    """
    oracle = RandomSearchOracle(objective=objective, max_trials=1, seed=1)
    with tempfile.TemporaryDirectory() as scratch:
        BaseTuner(oracle, recipe.declare, directory=scratch)  # explores every condition
    space = oracle.get_space()
    defaults = space.copy()
    defaults.values = default_values(space)
    drawn = space.copy()
    drawn.values = oracle.populate_space("0")["values"] or dict(defaults.values)
    splits = recipe.load()
    for hp in (defaults, drawn):
        keras.utils.set_random_seed(0)
        model = recipe.build(hp, splits)
        names = _names_after_a_step(recipe, hp, model, splits, objective)
        if objective.name not in names:
            found = f"one of the metrics that a trial logs: {', '.join(names)}"
            raise argument_error("objective", found, objective.name)
        for found in hp.space:  # those that only an `if` in Python code leads to
            if not any(known.name == found.name for known in space.space):
                space.merge([found])
    space.values = {}
    return {"space": space.get_config(), "metrics": names}


def _names_after_a_step(
    recipe: Recipe,
    hp: Any,
    model: keras.Model,
    splits: Splits,
    objective: keras_tuner.Objective,
) -> list[str]:
    """Trains on one batch as a trial does, so that what fails in every trial fails here."""
    count = recipe.batch_size_of(hp)
    few = replace(
        splits,
        **{
            name: keras.tree.map_structure(lambda array: array[:count], tuple(arrays))
            for name, arrays in (("training", splits.training), ("validation", splits.validation))
        },
    )
    with tempfile.TemporaryDirectory() as scratch, RunFolder(scratch, {}) as run:
        state = train_in(run, recipe, few, hp, model, objective, epochs=1, seed=0)
    return sorted(state.history[-1])
