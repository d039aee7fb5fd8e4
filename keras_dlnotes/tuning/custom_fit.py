"""Trials of a hypermodel that overrides `HyperModel.fit`, as KerasTuner documents it."""

import inspect
import re
import shutil
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from keras_dlnotes.runs.checkpoints import Checkpoints, RunState
from keras_dlnotes.runs.folder import CHECKPOINTS, RunFolder
from keras_dlnotes.training.arguments import as_arguments
from keras_dlnotes.training.building import built_on
from keras_dlnotes.tuning.execution import Execution
from keras_dlnotes.tuning.fit_metrics import objective_for
from keras_dlnotes.tuning.fit_results import is_plain, read_fit_result, save_fit_result
from keras_dlnotes.tuning.recorder import TRAININGS, NotResumableError, Recorder

LEFT_TO_FIT = {"epochs", "verbose", "batch_size"}  # arguments that a custom `fit` often sets itself
GIVEN_TWICE = re.compile(r"got multiple values for (?:keyword )?argument '(\w+)'")


def train_with_custom_fit(
    run: RunFolder, execution: Execution
) -> tuple[RunState, keras_tuner.Objective]:
    """Trains in an entered run folder; saves what `fit` returned and the matching weights there.

    If `fit` returns the History of its only call of `model.fit`, a killed trial resumes after its
    last epoch; any other trial starts over. The weights are those of the best epoch if the returned
    metrics are an epoch's, and otherwise those that the model has when `fit` returns.

    Returns:
        The state, whose history holds the metrics, and the objective.
    """
    recipe, objective = execution.recipe, execution.objective
    checkpoints = Checkpoints(run.path / CHECKPOINTS)
    found = read_fit_result(run.path)
    if found is not None:
        return (
            checkpoints.read(),
            objective or keras_tuner.Objective(found.objective, found.direction),
        )
    recorder: Recorder

    def offer(model: keras.Model) -> dict[str, Any]:
        nonlocal recorder
        state = checkpoints.read()
        starts_over = not state.epoch or state.stopped or (run.path / TRAININGS).exists()
        if starts_over:
            _remove_checkpoints(run.path)
            if execution.ancestor is not None:
                built_on(
                    model,
                    lambda: recipe.first_batches(execution.splits, execution.hp, execution.seed),
                )
                origin = Checkpoints(execution.ancestor / CHECKPOINTS)
                origin.restore_best(model, origin.read())
        callbacks = execution.callbacks(run.path, not starts_over)[:-1]  # it adds the total itself
        recorder = Recorder(
            run.path,
            objective or keras_tuner.Objective("val_loss", "min"),
            recipe.patience,
            resumed=None if starts_over else state,
            is_resumable=not (run.path / TRAININGS).exists(),
            callbacks=callbacks,
            pruner=execution.pruner,
        )
        recorder.set_model(model)
        offered = _offered(execution, [*callbacks, recorder], 0)
        first = execution.hp.values.get("tuner/initial_epoch") if starts_over else state.epoch
        return offered if first is None else offered | {"initial_epoch": first}

    while True:
        try:
            model, result = _fit(execution, execution.splits.training, offer)
            recorder.close()
            if recorder.resumed is None or is_plain(result, recorder):
                break
        except NotResumableError:
            pass
        (run.path / TRAININGS).mkdir(exist_ok=True)  # marks that resuming must not be tried again
    objective = objective or objective_for(result)
    return save_fit_result(run.path, model, result, recorder, objective), objective


def train_again(execution: Execution, training: Any, verbose: str | int) -> keras.Model:
    """Returns a new model that a hypermodel's custom `fit` has trained."""
    offered = _offered(execution, [], verbose)
    return _fit(execution, training, lambda model: offered)[0]


def _fit(
    execution: Execution,
    training: Any,
    offer: Callable[[keras.Model], Mapping[str, Any]],
) -> tuple[keras.Model, Any]:
    """Builds a model and calls its custom `fit`; returns the model and what `fit` returned.

    Starts over without an argument of ours if `fit` turns out to set it itself.
    """
    recipe = execution.recipe
    unwanted: set[str] = set()
    while True:
        keras.utils.set_random_seed(execution.seed)
        model = recipe.build(execution.hp, execution.splits)
        fit = recipe.fit(execution.hp, model)
        options = options_for(fit, offer(model), recipe.asked)
        options = {name: value for name, value in options.items() if name not in unwanted}
        try:
            return model, call(fit, training, options)
        except TypeError as error:
            match = GIVEN_TWICE.search(str(error))
            if match is None or match[1] not in options.keys() - recipe.asked:
                raise
            unwanted.add(match[1])


def _offered(execution: Execution, callbacks: list, verbose: str | int) -> dict[str, Any]:
    return {
        "validation_data": execution.splits.validation,
        "callbacks": callbacks,
        "epochs": execution.epochs,
        "batch_size": execution.recipe.batch_size,
        "verbose": verbose,
        **execution.recipe.fit_arguments,
    }


def options_for(
    fit: Callable, offered: Mapping[str, Any], asked: Set[str] = frozenset()
) -> dict[str, Any]:
    """Returns the keyword arguments to call a custom `fit` with.

    Arguments that it does not accept are left out, and so are those of `LEFT_TO_FIT` for which it
    has a default. What the user has set is passed in any case, as KerasTuner does.

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


def call(fit: Callable, training: Any, options: Mapping[str, Any]) -> Any:
    """Calls a `fit` with the options and the data, positional unless `fit` wants them by name."""
    is_source = not isinstance(training, tuple)
    by_place, weights = ((training,), {}) if is_source else as_arguments(training)
    parameters = inspect.signature(fit).parameters
    by_name = {
        name: array
        for name, array in zip(("x", "y"), by_place, strict=False)
        if name in parameters and parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    }
    if by_name:
        by_place = by_place[: len(by_place) - len(by_name)]
    return fit(*by_place, **by_name, **weights, **options)


def _remove_checkpoints(path: Path) -> None:
    """Removes what an interrupted `fit` has left, except the mark that it starts over."""
    shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)
    for entry in path.glob(f"{TRAININGS}/*"):
        shutil.rmtree(entry, ignore_errors=True)
