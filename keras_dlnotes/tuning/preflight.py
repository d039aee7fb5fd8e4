"""A dry run that finds the mistakes that would fail every trial, before the first one starts."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.errors import FailedTrialError
from keras_tuner.oracles import RandomSearchOracle

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.runs.folder import RunFolder
from keras_dlnotes.runs.task import Splits
from keras_dlnotes.training.building import built_on
from keras_dlnotes.tuning.compiling import described
from keras_dlnotes.tuning.data import few, fingerprint_of
from keras_dlnotes.tuning.entries import check_entries, listed_space, names_of
from keras_dlnotes.tuning.execution import Execution
from keras_dlnotes.tuning.fit_results import FitResult, read_fit_result
from keras_dlnotes.tuning.folder import default_values
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.score import ScoreRecipe
from keras_dlnotes.tuning.trials import train_in

MAX_DRAWS = 20  # configurations to try if all are ruled out
MAX_RULED_OUT = 200  # in a row, while exploring the space


class RuledOutError(Exception):
    """Every configuration that was tried raises KerasTuner's FailedTrialError."""


class _UnreachableError(Exception):
    """A part of the space that only ruled-out configurations reach."""


def dry_run(
    recipe: Recipe,
    objective: keras_tuner.Objective | None,
    arguments: dict[str, Any] | None = None,
    epochs_are_asked: bool = False,
    prunes: bool = False,
) -> dict[str, Any]:
    """Explores the space, and trains the default and one random model on a batch of each size.

    A configuration that raises KerasTuner's `FailedTrialError` is replaced by another.

    Args:
        recipe: what a trial trains.
        objective: what to improve; None, for a custom `fit`, to derive it from what `fit` returns.
        arguments: of KerasTuner's oracle, as JSON values.
        epochs_are_asked: whether the tuner sets the epochs of each trial.
        prunes: whether trials are pruned.

    Returns:
        "space": the configuration of the `HyperParameters` that were found; "metrics": the names
        that a trial logs; "objective" and "direction"; "model", "training_data" and
        "validation_data": fingerprints of the default model and the data; "fit_arguments".

    Raises:
        ValueError: if the objective is not among the metrics, or a `fit` can't be pruned.
        RuledOutError: if every configuration that was tried is ruled out.
        Exception: whatever else the data, the space, a model or a step raises.
    """
    arguments = arguments or {}
    fit_arguments = recipe.fit_arguments
    steps = {name: 2 for name in fit_arguments if name.endswith(("_steps", "steps_per_epoch"))}
    recipe = replace(recipe, fit_arguments={**fit_arguments, **steps})
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
    keras.utils.set_random_seed(0)
    splits = recipe.load()
    metrics: list[str] = []
    messages: list[str] = []
    weights = None
    for number, hp in enumerate(_configurations(oracle)):
        try:
            with tempfile.TemporaryDirectory() as scratch, RunFolder(scratch, {}) as run:
                small = _few(recipe, hp, splits)
                execution = Execution(recipe, small, hp, objective, epochs=1, seed=0, is_dry=True)
                state, objective = train_in(run, execution)
                if prunes:
                    _check_prunable(read_fit_result(run.path))
            metrics = sorted(state.history[-1])
            has_passed = True
            if not number and not isinstance(recipe, ScoreRecipe):
                weights = _weights(recipe, hp, small)
        except FailedTrialError as error:
            messages.append(str(error))
            has_passed = False
        oracle.update_space(hp)  # `fit` and branches of Python code may add entries
        if listed_names is not None and not arguments.get("allow_new_entries", True):
            check_entries(listed_names, hp)
        is_last = number or isinstance(recipe, ScoreRecipe)  # a random one
        if is_last and has_passed:
            break
    if not metrics or objective is None:
        raise RuledOutError(
            f"Each of the {len(messages)} configurations that were tried raises "
            f"FailedTrialError, the last one with: {messages[-1]}"
        )
    space = oracle.get_space()
    space.values = {}
    return {
        "space": space.get_config(),
        "metrics": metrics,
        "objective": objective.name,
        "direction": objective.direction,
        "model": weights,
        "training_data": fingerprint_of(splits.training, not recipe.has_known_data),
        "validation_data": fingerprint_of(splits.validation, not recipe.has_known_data),
        "fit_arguments": json.loads(json.dumps(fit_arguments))
        | described(getattr(recipe, "compiled_with", {})),
    }


def _weights(recipe: Recipe, hp: keras_tuner.HyperParameters, splits: Splits) -> str | None:
    """Returns a fingerprint of a model's weights; None if it cannot be built on batches."""
    model = recipe.build(hp, splits)
    with contextlib.suppress(Exception):
        built_on(model, lambda: recipe.first_batches(splits, hp, 0))
        return f"{len(model.weights)} weights of {model.count_params()} numbers"
    return None


def _check_prunable(result: FitResult | None) -> None:
    """Raises if a custom `fit` is more than a training whose History it returns."""
    if result is not None and not result.is_plain:
        expected = (
            "None for a HyperModel.fit that does not return the History of its only model.fit, "
            "which got its `callbacks`"
        )
        raise argument_error("pruning", expected, "a rule")


def _explore(oracle: keras_tuner.Oracle, recipe: Recipe) -> None:
    """Finds the hyperparameters that building a model asks for, under every reachable condition."""
    ruled_out = 0

    def declare(hp: keras_tuner.HyperParameters) -> None:
        nonlocal ruled_out
        try:
            recipe.declare(hp)
        except FailedTrialError:
            ruled_out += 1
            if ruled_out == MAX_RULED_OUT:  # KerasTuner would never stop
                raise _UnreachableError from None
        else:
            ruled_out = 0

    with tempfile.TemporaryDirectory() as scratch, contextlib.suppress(_UnreachableError):
        BaseTuner(oracle, declare, directory=scratch)


def _configurations(oracle: keras_tuner.Oracle) -> Iterator[keras_tuner.HyperParameters]:
    """Yields the default configuration, then distinct random ones."""
    hp = oracle.get_space()
    hp.values = default_values(hp)
    tried = [dict(hp.values)]
    yield hp
    for _ in range(MAX_DRAWS):
        values = oracle.populate_space("0")["values"]
        if values is not None and values not in tried:
            tried.append(dict(values))
            hp = oracle.get_space()
            hp.values = values
            yield hp


def _few(recipe: Recipe, hp: keras_tuner.HyperParameters, splits: Splits) -> Splits:
    """Returns a full batch, plus a batch as small as the last one of an epoch."""
    size = recipe.batch_size_of(hp)
    training, validation = few(splits.training, size), few(splits.validation, size)
    return replace(splits, training=training, validation=validation)
