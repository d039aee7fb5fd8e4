"""Trials of a hypermodel with a `fit` of its own, as KerasTuner documents it."""

import inspect
import re
import shutil
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.runs import RunFolder, RunState, Splits
from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.training.arguments import as_arguments
from keras_dlnotes.training.building import built_on
from keras_dlnotes.tuning.keeping import is_plain, keep, read_outcome
from keras_dlnotes.tuning.outcomes import objective_for
from keras_dlnotes.tuning.recipes import Recipe
from keras_dlnotes.tuning.recorder import TRAININGS, NotResumableError, Recorder

LEFT_TO_FIT = {"epochs", "verbose", "batch_size"}  # what it may well set itself
GIVEN_TWICE = re.compile(r"got multiple values for (?:keyword )?argument '(\w+)'")


def train_by_own_fit(
    run: RunFolder,
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    objective: keras_tuner.Objective | None,
    epochs: int,
    seed: int,
    ancestor: Path | None = None,
) -> tuple[RunState, keras_tuner.Objective]:
    """Trains in an entered run folder, and leaves there what `fit` returned and its weights.

    Where `fit` returns the History of its one call of `model.fit`, a killed trial goes on from its
    last epoch; every other one is done anew. The weights are those that the returned metrics are
    of: the best epoch's where they are an epoch's, or else those that the model has in the end.

    Args:
        objective: what is to improve; None for what the result tells.
        ancestor: checkpoints of the trial whose weights it begins with.

    Returns:
        The state, whose history has the metrics, and the objective.
    """
    checkpoints = Checkpoints(run.path / CHECKPOINTS)
    found = read_outcome(run.path)
    if found is not None:
        return checkpoints.read(), keras_tuner.Objective(found.objective, found.direction)
    recorder: Recorder | None = None

    def offer(model: keras.Model) -> dict[str, Any]:
        nonlocal recorder
        state = checkpoints.read()
        is_anew = not state.epoch or state.stopped or (run.path / TRAININGS).exists()
        if is_anew:
            _forget(run.path)
            if ancestor is not None:
                built_on(model, recipe.batches(splits.training, recipe.batch_size, seed))
                origin = Checkpoints(ancestor)
                origin.restore_best(model, origin.read())
        recorder = Recorder(
            run.path,
            objective or keras_tuner.Objective("val_loss", "min"),
            recipe.patience,
            resumed=None if is_anew else state,
            is_resumable=not (run.path / TRAININGS).exists(),
        )
        recorder.set_model(model)
        offered = _offered(recipe, splits, [recorder], epochs, 0)
        first = hp.values.get("tuner/initial_epoch") if is_anew else state.epoch
        return offered if first is None else offered | {"initial_epoch": first}

    while True:
        try:
            model, result = fitted(recipe, hp, splits, splits.training, offer, seed)
            recorder.close()
            if recorder.resumed is None or is_plain(result, recorder):
                break
        except NotResumableError:
            pass
        (run.path / TRAININGS).mkdir(exist_ok=True)  # the sign that nobody tries that again
    objective = objective or objective_for(result)
    return keep(run.path, model, result, recorder, objective), objective


def train_again(
    recipe: Recipe,
    splits: Splits,
    hp: keras_tuner.HyperParameters,
    training: tuple[Any, ...],
    epochs: int,
    seed: int,
    verbose: str | int,
) -> keras.Model:
    """Returns a new model that a hypermodel's own `fit` has trained."""
    offered = _offered(recipe, splits, [], epochs, verbose)
    return fitted(recipe, hp, splits, training, lambda model: offered, seed)[0]


def fitted(
    recipe: Recipe,
    hp: keras_tuner.HyperParameters,
    splits: Splits,
    training: tuple[Any, ...],
    offer: Callable[[keras.Model], Mapping[str, Any]],
    seed: int,
) -> tuple[keras.Model, Any]:
    """Returns a new model that its `fit` was called with, and what that returned.

    It starts anew without an argument of ours that `fit` turns out to set itself.
    """
    unwanted: set[str] = set()
    while True:
        keras.utils.set_random_seed(seed)
        model = recipe.build(hp, splits)
        fit = recipe.fit(hp, model)
        options = options_for(fit, offer(model), recipe.asked)
        options = {name: value for name, value in options.items() if name not in unwanted}
        try:
            return model, call(fit, training, options)
        except TypeError as error:
            match = GIVEN_TWICE.search(str(error))
            if match is None or match[1] not in options.keys() - recipe.asked:
                raise
            unwanted.add(match[1])


def _offered(
    recipe: Recipe, splits: Splits, callbacks: list, epochs: int, verbose: str | int
) -> dict[str, Any]:
    return {
        "validation_data": splits.validation,
        "callbacks": callbacks,
        "epochs": epochs,
        "batch_size": recipe.batch_size,
        "verbose": verbose,
    }


def options_for(
    fit: Callable, offered: Mapping[str, Any], asked: Set[str] = frozenset()
) -> dict[str, Any]:
    """Returns those of the keyword arguments that a `fit` is called with.

    What it has no place for is left out, and so is what it has a default of its own for: but what
    the user has asked for is handed on in any case, as KerasTuner does.

    >>> offered = {"epochs": 10, "callbacks": [], "verbose": 0}
    >>> options_for(lambda x, y, callbacks=None, epochs=3: None, offered)
    {'callbacks': []}
    >>> options_for(lambda x, y, **options: None, offered, asked={"verbose"})
    {'epochs': 10, 'callbacks': [], 'verbose': 0}
    """
    parameters = inspect.signature(fit).parameters
    takes_any = any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values())
    found = {}
    for name, value in offered.items():
        entry = parameters.get(name)
        if entry is None:
            is_taken = takes_any and name != "batch_size"
        else:
            is_taken = name not in LEFT_TO_FIT or entry.default is entry.empty
        if is_taken or name in asked:
            found[name] = value
    return found


def call(fit: Callable, training: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Calls a `fit` with the data by place, or by name where it takes them so, and the options."""
    by_place, weights = as_arguments(training)
    parameters = inspect.signature(fit).parameters
    by_name = {
        name: array
        for name, array in zip(("x", "y"), by_place, strict=True)
        if name in parameters and parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    }
    if by_name:
        by_place = by_place[: 2 - len(by_name)]
    return fit(*by_place, **by_name, **weights, **options)


def _forget(path: Path) -> None:
    """Removes what an interrupted `fit` has left, but for the sign that it is done anew."""
    shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)
    for entry in path.glob(f"{TRAININGS}/*"):
        shutil.rmtree(entry, ignore_errors=True)
