"""Finds the mistakes that would make every trial fail, before the first one begins."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.errors import FailedTrialError
from keras_tuner.oracles import RandomSearchOracle

from keras_dlnotes.runs import RunFolder, Splits
from keras_dlnotes.training.building import built_on
from keras_dlnotes.tuning.data_record import record_of
from keras_dlnotes.tuning.entries import check_entries, listed_space, names_of
from keras_dlnotes.tuning.folder import default_values
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.trials import train_in

MOST_DRAWS = 20  # configurations that are tried, where all are ruled out
MOST_RULED_OUT = 200  # of those in a row that show nothing of the space


class RuledOutError(Exception):
    """Every configuration that was tried raises KerasTuner's FailedTrialError."""


class _UnreachableError(Exception):
    """A part of the space that only configurations lead to that are ruled out."""


def look_ahead(
    recipe: Recipe,
    objective: keras_tuner.Objective | None,
    arguments: dict[str, Any] | None = None,
    epochs_are_asked: bool = False,
) -> dict[str, Any]:
    """Explores the space, and trains the default and one random model on a batch of each size.

    A configuration that is ruled out by KerasTuner's `FailedTrialError` makes room for another one.

    Args:
        recipe: what a trial trains.
        objective: what is to improve; None, for a `fit` of the user's own, for what it returns.
        arguments: those of KerasTuner's oracle, as JSON values.
        epochs_are_asked: whether the tuner itself sets the epochs of each trial.

    Returns:
        "space": the configuration of the `HyperParameters` that were found; "metrics": the names
        that a trial logs; "objective" and "direction"; "model", "training_data" and
        "validation_data": by what the default model and the data can be told from others.

    Raises:
        ValueError: where the objective is not among the metrics.
        RuledOutError: where every configuration that was tried is ruled out.
        Exception: whatever else the data, the space, a model or a step raises.
    """
    arguments = arguments or {}
    if epochs_are_asked:
        recipe = replace(recipe, asked=recipe.asked | {"epochs"})
    listed = listed_space(arguments)
    listed_names = None if listed is None else names_of(listed)
    oracle = RandomSearchOracle(
        objective=objective,
        max_trials=1,
        seed=1,
        hyperparameters=listed,
        tune_new_entries=arguments.get("tune_new_entries", True),
    )
    _explore(oracle, recipe)
    splits = recipe.load()
    metrics: list[str] = []
    messages: list[str] = []
    weights = None
    for number, hp in enumerate(_configurations(oracle)):
        try:
            with tempfile.TemporaryDirectory() as scratch, RunFolder(scratch, {}) as run:
                few = _few(recipe, hp, splits)
                state, objective = train_in(run, recipe, few, hp, objective, epochs=1, seed=0)
            metrics = sorted(state.history[-1])
            has_passed = True
            if not number:
                weights = _weights(recipe, hp, few)
        except FailedTrialError as error:
            messages.append(str(error))
            has_passed = False
        oracle.update_space(hp)  # with what `fit` asks for, or an `if` in Python code leads to
        if listed_names is not None and not arguments.get("allow_new_entries", True):
            check_entries(listed_names, hp)
        if number and has_passed:  # one that is drawn
            break
    if not metrics:
        raise RuledOutError(
            f"Each of the {len(messages)} configurations that were tried is ruled out by "
            f"FailedTrialError, the last one by: {messages[-1]}"
        )
    space = oracle.get_space()
    space.values = {}
    return {
        "space": space.get_config(),
        "metrics": metrics,
        "objective": objective.name,
        "direction": objective.direction,
        "model": weights,
        "training_data": record_of(splits.training, not recipe.has_known_data),
        "validation_data": record_of(splits.validation, not recipe.has_known_data),
    }


def _weights(recipe: Recipe, hp: keras_tuner.HyperParameters, splits: Splits) -> str | None:
    """Tells one model from another by its weights; None for one that is not built on batches."""
    model = recipe.build(hp, splits)
    batches = recipe.batches(splits.training, recipe.batch_size_of(hp), 0)
    with contextlib.suppress(Exception):
        built_on(model, batches)
        return f"{len(model.weights)} weights of {model.count_params()} numbers"
    return None


def _explore(oracle: keras_tuner.Oracle, recipe: Recipe) -> None:
    """Finds what a model's building asks for, under every condition that can be met."""
    ruled_out = 0

    def declare(hp: keras_tuner.HyperParameters) -> None:
        nonlocal ruled_out
        try:
            recipe.declare(hp)
        except FailedTrialError:
            ruled_out += 1
            if ruled_out == MOST_RULED_OUT:  # KerasTuner would go on for ever
                raise _UnreachableError from None
        else:
            ruled_out = 0

    with tempfile.TemporaryDirectory() as scratch, contextlib.suppress(_UnreachableError):
        BaseTuner(oracle, declare, directory=scratch)


def _configurations(oracle: keras_tuner.Oracle) -> Iterator[keras_tuner.HyperParameters]:
    """Yields the default, and then configurations that are drawn, each once."""
    hp = oracle.get_space()
    hp.values = default_values(hp)
    tried = [dict(hp.values)]
    yield hp
    for _ in range(MOST_DRAWS):
        values = oracle.populate_space("0")["values"]
        if values is not None and values not in tried:
            tried.append(dict(values))
            hp = oracle.get_space()
            hp.values = values
            yield hp


def _few(recipe: Recipe, hp: keras_tuner.HyperParameters, splits: Splits) -> Splits:
    """Returns a full batch, and as many examples as the last batch of an epoch has."""
    size = recipe.batch_size_of(hp)

    def first(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        count = size + len(keras.tree.flatten(arrays)[0]) % size
        return keras.tree.map_structure(lambda array: array[:count], tuple(arrays))

    return replace(splits, training=first(splits.training), validation=first(splits.validation))
